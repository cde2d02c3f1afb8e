"""The supported platforms by name."""

from orchestration.ingest.platforms import activecampaign, chatwoot, whatsapp_cloud
from orchestration.ingest.platforms.schema import Platform

PLATFORMS: dict[str, Platform] = {
    platform.name: platform
    for platform in (activecampaign.PLATFORM, chatwoot.PLATFORM, whatsapp_cloud.PLATFORM)
}

"""The platforms whose exports are understood, by name."""

from orchestration.ingest.platforms import activecampaign, whatsapp_cloud
from orchestration.ingest.schema import Platform

PLATFORMS: dict[str, Platform] = {
    platform.name: platform for platform in (activecampaign.PLATFORM, whatsapp_cloud.PLATFORM)
}

-- The first message decides the origin and which template is an opening, so no other record may take its number.
select
    conversation_id,
    count(*) as messages,
    max(message_number) as last_number
from {{ ref('int_messages') }}
where conversation_id is not null
group by conversation_id
having count(*) <> max(message_number)

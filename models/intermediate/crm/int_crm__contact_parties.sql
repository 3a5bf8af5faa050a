-- Grain: one row per contact: the customer record it belonged to last.
with contacts as (
    select * from {{ ref('int_crm__contacts') }}
)

select
    contact_key,
    max_by(party_key, valid_from) as party_key
from contacts
group by contact_key

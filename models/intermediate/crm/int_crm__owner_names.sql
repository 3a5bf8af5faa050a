-- Grain: one row per crm_source × owner name; a name that two users bear resolves to nobody.
with owners as (
    select * from {{ ref('int_crm__owners') }}
)

select
    crm_source,
    owner_name,
    case when count(distinct owner_key) = 1 then min(owner_key) end as owner_key
from owners
where owner_name is not null
group by crm_source, owner_name

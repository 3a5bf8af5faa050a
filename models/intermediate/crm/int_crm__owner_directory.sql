-- Grain: one row per owner: the newest version, and the name that records use where no user file
-- names the owner.
with owners as (
    select * from {{ ref('int_crm__owners') }}
),

named_owners as (
    select
        owner_key,
        crm_source,
        owner_name,
        valid_from
    from {{ ref('int_crm__accounts') }}
    union all
    select
        owner_key,
        crm_source,
        owner_name,
        valid_from
    from {{ ref('int_crm__leads') }}
    union all
    select
        owner_key,
        crm_source,
        owner_name,
        valid_from
    from {{ ref('int_crm__deals') }}
),

newest as (
    select
        *,
        row_number() over (partition by owner_key order by valid_from desc nulls last) as choice
    from owners
)

select
    owner_key,
    crm_source,
    owner_id,
    owner_name,
    email,
    role,
    team,
    manager,
    region,
    is_active and valid_to is null as is_active
from newest
where choice = 1
union all
select
    named_owners.owner_key,
    max_by(named_owners.crm_source, named_owners.valid_from) as crm_source,
    cast(null as string) as owner_id,
    max(named_owners.owner_name) as owner_name,
    cast(null as string) as email,
    cast(null as string) as role,
    cast(null as string) as team,
    cast(null as string) as manager,
    cast(null as string) as region,
    true as is_active
from named_owners
left join owners on named_owners.owner_key = owners.owner_key
where owners.owner_key is null and named_owners.owner_key is not null
group by named_owners.owner_key

-- Grain: one row per owner (CRM user, or a name that records use where no user file names it).
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
    is_active
from {{ ref('int_crm__owner_directory') }}

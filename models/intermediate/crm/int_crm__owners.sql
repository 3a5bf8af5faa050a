-- Grain: one row per owner version (a CRM user).
with {{ record_versions(ref('stg_crm__owners')) }}

select
    {{ record_key('users', 'versions._record_id', 'versions._source') }} as owner_key,
    versions._source as crm_source,
    versions._record_id as owner_id,
    coalesce(
        versions.full_name,
        nullif({{ trimmed(
            "coalesce(versions.first_name || ' ', '') || coalesce(versions.last_name, '')"
        ) }}, '')
    ) as owner_name,
    versions.email,
    versions.phone,
    versions.role,
    versions.department as team,
    versions.manager,
    versions.region,
    coalesce(lower(versions.status) not in ('inactive', 'disabled', 'closed', '停用', '离职'), true)
        as is_active,
    versions.valid_from,
    versions.valid_to
from versions

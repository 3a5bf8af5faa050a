-- Grain: one row per call, meeting, task, visit, e-mail or sales record known to the run. One nullable boolean per rule: true = fails,
-- null = does not apply.
with records as (
    select
        versions.*,
        run_context.as_of_date,
        run_context.knowledge_date
    from {{ ref('int_crm__activities') }} as versions
    inner join {{ source('raw', 'run_context') }} as run_context
        on run_context.is_newest and {{ is_known('versions', 'run_context.knowledge_date') }}
),

parties as (
    select distinct account_key as record_key from {{ ref('int_crm__accounts') }}
    union
    select distinct party_key as record_key from {{ ref('int_crm__contact_parties') }}
)

select
    records.as_of_date,
    records.crm_source,
    'activities' as entity,
    records.activity_id as record_id,
    records.owner_key,
    records.valid_from as known_since,
    case
        when records.party_key is not null
            then parties.record_key is null
    end as str_008,
    records.party_key as str_008_value,
    {{ has_cast_error(
        'records.cast_errors',
        [
            'started_at', 'ended_at', 'due_at', 'closed_at', 'created_at', 'modified_at'
        ]
    ) }} as ent_025,
    records.cast_errors as ent_025_value,
    case
        when records.manner is not null
            then records.manner_group = records.record_kind
    end as ent_027,
    records.manner as ent_027_value
from records
left join parties on records.party_key = parties.record_key

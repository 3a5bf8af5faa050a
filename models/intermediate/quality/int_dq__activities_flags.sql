-- Grain: one row per call, meeting, task, visit, e-mail or sales record known on the published date. One nullable boolean per
-- rule: true = fails, null = does not apply; and the value at fault of those that fail.
with run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

thresholds as (
    select * from {{ ref('int_config__dq_thresholds') }}
),

records as (
    select
        versions.*,
        run_context.as_of_date,
        run_context.knowledge_date
    from {{ ref('int_crm__activities') }} as versions
    inner join run_context on {{ is_known('versions', 'run_context.knowledge_date') }}
),

parties as (
    select distinct account_key as record_key from {{ ref('int_crm__accounts') }}
    union
    select distinct party_key as record_key from {{ ref('int_crm__contact_parties') }}
),

status_changes as (
    select * from {{ ref('int_dq__status_changes') }}
),

contact_manners as (
    select * from {{ ref('int_config__enum_map') }}
    where enum = 'contact_manner'
),

first_exports as (
    select
        crm_source,
        min(export_date) as first_export_date
    from {{ source('raw', 'drop_audit') }}
    where is_accepted
    group by crm_source
)

select
    records.as_of_date,
    records.crm_source,
    'activities' as entity,
    records.record_kind,
    records.activity_id as record_id,
    records.owner_key,
    {{ flag(
        'str_008',
        applies='records.party_key is not null',
        fails='parties.record_key is null',
        value='coalesce(records.party_id, records.party_key)'
    ) }},
    {{ flag(
        'ent_025',
        fails=has_cast_error(
            'records.cast_errors',
            ['started_at', 'ended_at', 'due_at', 'closed_at', 'created_at', 'modified_at']
        ),
        value='records.cast_errors'
    ) }},
    {{ flag(
        'ent_027',
        applies='records.manner is not null',
        fails='contact_manners.value is null',
        value='records.manner'
    ) }},
    {{ flag(
        'upd_002',
        applies="records.contact_effect = 'changed'"
        ~ ' and coalesce(records.deal_key, records.lead_key) is not null'
        ~ ' and records.activity_date < records.as_of_date'
        ~ ' and records.activity_date > '
        ~ add_days('records.as_of_date', '-thresholds.result_window_days')
        ~ ' and records.activity_date >= first_exports.first_export_date',
        fails='coalesce(status_changes.changed_date < records.activity_date, true)',
        value="cast(records.activity_date as string) || ' ' || records.result"
    ) }}
from records
cross join run_context
cross join thresholds
left join parties on records.party_key = parties.record_key
left join status_changes
    on coalesce(records.deal_key, records.lead_key) = status_changes.record_key
left join contact_manners
    on
        records.crm_source = contact_manners.crm_source
        and {{ folded('records.manner') }} = contact_manners.raw_value_key
left join first_exports on records.crm_source = first_exports.crm_source
where {{ existed('records.activity_date') }}

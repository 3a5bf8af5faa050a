-- Grain: one row per order or invoice known on the published date. One nullable boolean per
-- rule: true = fails, null = does not apply; and the value at fault of those that fail.
{%- set is_alive = "records.life_status <> 'void'" %}
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
    from {{ ref('int_crm__orders') }} as versions
    inner join run_context on {{ is_known('versions', 'run_context.knowledge_date') }}
),

accounts as (
    select distinct account_key as record_key from {{ ref('int_crm__accounts') }}
),

prospects as (
    select
        accounts.account_key,
        accounts.crm_status,
        accounts.customer_status
    from {{ ref('int_crm__accounts') }} as accounts
    inner join run_context on {{ is_known('accounts', 'run_context.knowledge_date') }}
    where accounts.customer_status is not null and accounts.life_status <> 'void'
),

sums as (
    select * from {{ ref('int_dq__order_sums') }}
),

deliveries as (
    select
        records.order_key,
        records.party_key,
        records.delivery_date
    from records
    cross join run_context
    cross join thresholds
    where
        records.is_countable
        and records.delivery_date
        <= {{ add_days('run_context.as_of_date', '-thresholds.survey_days') }}
        and records.delivery_date
        >= {{ add_days('run_context.as_of_date', '-thresholds.survey_window_days') }}
),

surveys as (
    select
        feedback.party_key,
        feedback.occurred_date
    from {{ ref('int_crm__feedback') }} as feedback
    inner join run_context
        on
            feedback.occurred_date <= run_context.as_of_date
            and {{ is_known('feedback', 'run_context.knowledge_date') }}
    where feedback.record_kind = 'surveys'
),

survey_feed as (
    select count(*) > 0 as is_delivered from surveys
),

asked as (
    select distinct deliveries.order_key
    from deliveries
    cross join thresholds
    inner join surveys on deliveries.party_key = surveys.party_key
    where
        surveys.occurred_date >= deliveries.delivery_date
        and surveys.occurred_date
        <= {{ add_days('deliveries.delivery_date', 'thresholds.survey_days') }}
)

select
    records.as_of_date,
    records.crm_source,
    'orders' as entity,
    records.record_kind,
    records.order_id as record_id,
    records.owner_key,
    {{ flag(
        'str_007',
        fails='records.unmapped_values is not null',
        value='records.unmapped_values'
    ) }},
    {{ flag(
        'str_008',
        applies='records.account_id is not null',
        fails='accounts.record_key is null',
        value='records.account_id'
    ) }},
    {{ flag(
        'str_010',
        applies='records.is_countable and records.net_doc is not null',
        fails='records.rate_to_base is null',
        value='records.currency'
    ) }},
    {{ flag(
        'ent_025',
        fails=has_cast_error(
            'records.cast_errors',
            ['order_date', 'due_date', 'delivery_date', 'created_at', 'modified_at']
        ),
        value='records.cast_errors'
    ) }},
    {{ flag(
        'ent_026',
        fails='records.net_doc is null or ' ~ has_cast_error(
            'records.cast_errors',
            ['grand_total', 'sub_total', 'discount', 'tax', 'adjustment']
        ) ~ ' or records.has_long_decimals',
        value='coalesce(records.cast_errors, cast(records.net_doc as string))'
    ) }},
    {{ flag(
        'ent_040',
        applies=is_alive ~ ' and sums.price_z is not null',
        fails='sums.price_z > thresholds.price_z_score',
        value='records.total_doc'
    ) }},
    {{ flag(
        'ent_041',
        applies=is_alive ~ ' and records.gross_doc is not null',
        fails='coalesce(' ~ differ('records.parts_doc', 'records.total_doc') ~ ', false)'
        ~ ' or coalesce(' ~ differ('sums.lines_total_doc', 'records.gross_doc') ~ ', false)',
        value="'lines ' || coalesce(cast(sums.lines_total_doc as string), '-') || ', sub total '"
        ~ " || cast(records.gross_doc as string) || ', total '"
        ~ " || coalesce(cast(records.total_doc as string), '-')"
    ) }},
    {{ flag(
        'ent_042',
        applies=is_alive ~ ' and records.order_date is not null',
        fails='records.order_date > records.knowledge_date',
        value='records.order_date'
    ) }},
    {{ flag(
        'ent_050',
        applies='records.is_countable and records.net_doc > 0'
        ~ ' and records.order_date < records.as_of_date'
        ~ ' and prospects.customer_status is not null',
        fails="prospects.customer_status = 'prospect'",
        value='prospects.crm_status'
    ) }},
    {{ flag(
        'upd_013',
        applies='deliveries.order_key is not null and deliveries.party_key is not null'
        ~ ' and survey_feed.is_delivered',
        fails='asked.order_key is null',
        value='records.delivery_date'
    ) }}
from records
cross join run_context
cross join thresholds
cross join survey_feed
left join accounts on records.party_key = accounts.record_key
left join prospects on records.party_key = prospects.account_key
left join sums on records.order_key = sums.order_key
left join deliveries on records.order_key = deliveries.order_key
left join asked on records.order_key = asked.order_key
where {{ existed('records.order_date') }}

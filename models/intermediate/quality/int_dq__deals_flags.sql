-- Grain: one row per deal known on the published date. One nullable boolean per
-- rule: true = fails, null = does not apply; and the value at fault of those that fail.
{%- set is_alive = "records.life_status <> 'void'" %}
{%- set is_open = is_alive ~ " and records.stage not in ('won', 'lost')" %}
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
    from {{ ref('int_crm__deals') }} as versions
    inner join run_context on {{ is_known('versions', 'run_context.knowledge_date') }}
),

exported as (
    {{ exported_fields(['product_name', 'loss_reason', 'next_follow_at']) }}
),

accounts as (
    select distinct account_key as record_key from {{ ref('int_crm__accounts') }}
),

ordered_deals as (
    select distinct orders.deal_key
    from {{ ref('int_crm__orders') }} as orders
    inner join run_context on {{ is_known('orders', 'run_context.knowledge_date') }}
    where orders.deal_key is not null
),

price_levels as (
    select * from {{ ref('int_dq__price_levels') }}
),

closed_amounts as (
    select * from {{ ref('int_dq__closed_amounts') }}
),

owners as (
    select * from {{ ref('int_crm__owner_directory') }}
    where owner_id is not null
),

owner_sources as (
    select distinct crm_source from owners
)

select
    records.as_of_date,
    records.crm_source,
    'deals' as entity,
    'deals' as record_kind,
    records.deal_id as record_id,
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
        applies="records.is_money_entity and records.stage = 'won'"
        ~ ' and records.amount_doc is not null',
        fails='records.rate_to_base is null',
        value='records.currency'
    ) }},
    {{ flag(
        'ent_003',
        applies=is_alive,
        fails='records.owner_key is null',
        value='records.owner_name'
    ) }},
    {{ flag(
        'ent_007',
        applies=is_open ~ ' and exported.has_product_name',
        fails='records.product_name is null'
    ) }},
    {{ flag(
        'ent_008',
        applies=is_alive ~ " and records.stage in ('negotiation', 'won')",
        fails='(records.amount_doc is null or records.close_date is null)',
        value="case when records.amount_doc is null then 'amount' else 'close_date' end"
    ) }},
    {{ flag(
        'ent_009',
        applies=is_alive ~ " and records.stage = 'lost' and exported.has_loss_reason",
        fails='records.loss_reason is null'
    ) }},
    {{ flag(
        'ent_025',
        fails=has_cast_error(
            'records.cast_errors',
            [
                'close_date', 'created_at', 'modified_at', 'next_follow_at',
                'stage_changed_at', 'last_activity_at',
            ]
        ),
        value='records.cast_errors'
    ) }},
    {{ flag(
        'ent_026',
        fails=has_cast_error(
            'records.cast_errors',
            ['amount', 'expected_revenue', 'probability', 'exchange_rate']
        ) ~ ' or records.has_long_decimals',
        value='coalesce(records.cast_errors, cast(records.amount_doc as string))'
    ) }},
    {{ flag(
        'ent_040',
        applies=is_alive ~ ' and records.amount_base is not null'
        ~ ' and (records.amount_base < 0 or (records.amount_base > 0'
        ~ ' and price_levels.records >= thresholds.price_min_records))',
        fails='records.amount_base < 0 or ' ~ robust_z(
            'ln(cast(greatest(records.amount_base, 0.01) as double))',
            'price_levels.median_log',
            'price_levels.deviation_log'
        ) ~ ' > thresholds.price_z_score',
        value='records.amount_doc'
    ) }},
    {{ flag(
        'ent_042',
        applies=is_alive ~ ' and records.close_date is not null'
        ~ ' and records.created_date is not null',
        fails='records.close_date < records.created_date',
        value='records.close_date'
    ) }},
    {{ flag(
        'ent_043',
        applies=is_alive ~ ' and records.probability is not null',
        fails="case records.stage when 'won' then records.probability <> 100"
        ~ " when 'lost' then records.probability <> 0 else records.probability = 100 end",
        value="cast(cast(floor(records.probability) as bigint) as string) || ' %'"
    ) }},
    {{ flag(
        'ent_049',
        applies=is_alive ~ " and records.stage = 'won'",
        fails='ordered_deals.deal_key is null and coalesce(records.amount_doc, 0) = 0'
    ) }},
    {{ flag(
        'upd_003',
        applies=is_open ~ ' and records.close_date is not null',
        fails='records.close_date < records.as_of_date',
        value='records.close_date'
    ) }},
    {{ flag(
        'upd_008',
        applies=is_open ~ ' and exported.has_next_follow_at',
        fails='coalesce(cast(records.next_follow_at as date) < records.as_of_date, true)',
        value='cast(records.next_follow_at as date)'
    ) }},
    {{ flag(
        'upd_009',
        applies=is_open ~ ' and records.owner_key is not null'
        ~ ' and owner_sources.crm_source is not null',
        fails='not coalesce(owners.is_active, false)',
        value='coalesce(owners.owner_name, records.owner_name, records.owner_key)'
    ) }},
    {{ flag(
        'upd_016',
        applies=is_alive ~ " and records.stage in ('won', 'lost')",
        fails='coalesce(closed_amounts.deal_key is not null'
        ~ ' and coalesce(closed_amounts.closed_amount_doc, 0) <> coalesce(records.amount_doc, 0)'
        ~ ', false)',
        value="coalesce(cast(closed_amounts.closed_amount_doc as string), '') || ' -> '"
        ~ " || coalesce(cast(records.amount_doc as string), '')"
    ) }}
from records
cross join run_context
cross join thresholds
left join exported on records.crm_source = exported.crm_source
left join accounts on records.party_key = accounts.record_key
left join ordered_deals on records.deal_key = ordered_deals.deal_key
left join price_levels on records.crm_source = price_levels.level_key
left join closed_amounts on records.deal_key = closed_amounts.deal_key
left join owners on records.owner_key = owners.owner_key
left join owner_sources on records.crm_source = owner_sources.crm_source
where {{ existed() }}

-- Grain: one row per deal known to the run. One nullable boolean per rule: true = fails,
-- null = does not apply.
with records as (
    select
        versions.*,
        run_context.as_of_date,
        run_context.knowledge_date
    from {{ ref('int_crm__deals') }} as versions
    inner join {{ source('raw', 'run_context') }} as run_context
        on run_context.is_newest and {{ is_known('versions', 'run_context.knowledge_date') }}
),

accounts as (
    select distinct account_key as record_key from {{ ref('int_crm__accounts') }}
)

select
    records.as_of_date,
    records.crm_source,
    'deals' as entity,
    records.deal_id as record_id,
    records.owner_key,
    records.valid_from as known_since,
    records.unmapped_values is not null as str_007,
    records.unmapped_values as str_007_value,
    case
        when records.account_id is not null
            then accounts.record_key is null
    end as str_008,
    records.account_id as str_008_value,
    case
        when records.is_money_entity and records.stage = 'won' and records.amount_doc is not null
            then records.rate_to_base is null
    end as str_010,
    records.currency as str_010_value,
    records.owner_key is null as ent_003,
    records.owner_name as ent_003_value,
    {{ has_cast_error(
        'records.cast_errors',
        [
            'close_date', 'created_at', 'modified_at', 'next_follow_at', 'stage_changed_at',
            'last_activity_at'
        ]
    ) }} as ent_025,
    records.cast_errors as ent_025_value,
    {{ has_cast_error(
        'records.cast_errors',
        [
            'amount', 'expected_revenue', 'probability', 'exchange_rate'
        ]
    ) }} or records.has_long_decimals as ent_026,
    coalesce(records.cast_errors, cast(records.amount_doc as string)) as ent_026_value,
    case
        when
            records.stage not in ('won', 'lost')
            and records.life_status <> 'void'
            and records.close_date is not null
            then records.close_date < records.as_of_date
    end as upd_003,
    cast(records.close_date as string) as upd_003_value,
    case
        when
            records.stage not in ('won', 'lost') and records.life_status <> 'void'
            and max(records.next_follow_at) over (partition by records.crm_source) is not null
            then coalesce(cast(records.next_follow_at as date) < records.as_of_date, true)
    end as upd_008,
    cast(records.next_follow_at as string) as upd_008_value
from records
left join accounts on records.party_key = accounts.record_key

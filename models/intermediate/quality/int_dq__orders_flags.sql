-- Grain: one row per order or invoice known to the run. One nullable boolean per rule: true = fails,
-- null = does not apply.
with records as (
    select
        versions.*,
        run_context.as_of_date,
        run_context.knowledge_date
    from {{ ref('int_crm__orders') }} as versions
    inner join {{ source('raw', 'run_context') }} as run_context
        on run_context.is_newest and {{ is_known('versions', 'run_context.knowledge_date') }}
),

accounts as (
    select distinct account_key as record_key from {{ ref('int_crm__accounts') }}
)

select
    records.as_of_date,
    records.crm_source,
    'orders' as entity,
    records.order_id as record_id,
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
        when records.is_countable and records.net_doc is not null
            then records.rate_to_base is null
    end as str_010,
    records.currency as str_010_value,
    {{ has_cast_error(
        'records.cast_errors',
        [
            'order_date', 'due_date', 'delivery_date', 'created_at', 'modified_at'
        ]
    ) }} as ent_025,
    records.cast_errors as ent_025_value,
    records.net_doc is null
    or {{ has_cast_error(
        'records.cast_errors',
        [
            'grand_total', 'sub_total', 'discount', 'tax', 'adjustment'
        ]
    ) }}
    or records.has_long_decimals as ent_026,
    coalesce(records.cast_errors, cast(records.net_doc as string)) as ent_026_value
from records
left join accounts on records.party_key = accounts.record_key

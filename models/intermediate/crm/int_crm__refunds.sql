-- Grain: one row per version of a return or refund document.
-- A refund document counts only while no counted return refers to the same order.
with {{ record_versions(ref('stg_crm__refunds')) }},

sources as (
    select * from {{ source('raw', 'sources') }}
),

run_settings as (
    select * from {{ source('raw', 'run_settings') }}
),

account_names as (
    select * from {{ ref('int_crm__account_names') }}
),

orders as (
    select
        order_key,
        min(party_key) as party_key
    from {{ ref('int_crm__orders') }}
    where
        order_key in (
            select {{ record_key('orders', 'order_id', '_source') }}
            from {{ ref('stg_crm__refunds') }}
        )
    group by order_key
),

exchange_rates as (
    select * from {{ ref('int_crm__exchange_rates') }}
),

enum_map as (
    select * from {{ ref('int_config__enum_map') }}
),

valued as (
    select
        md5(versions._source || '|' || versions._kind || '|' || versions._record_id) as refund_key,
        versions._source as crm_source,
        versions._kind as record_kind,
        versions._record_id as refund_id,
        versions.document_number,
        {{ record_key('orders', 'versions.order_id', 'versions._source') }} as order_key,
        coalesce(
            {{ record_key('accounts', 'versions.account_id', 'versions._source') }},
            account_names.account_key,
            orders.party_key
        ) as party_key,
        coalesce(versions.refund_date, cast(versions.created_at as date)) as refund_date,
        abs(cast(versions.amount as decimal(18, 2))) as amount_doc,
        coalesce(versions.currency, sources.currency, run_settings.base_currency) as currency,
        {{ rate_to_base() }} as rate_to_base,
        coalesce(refund_status.value, 'counted') as status,
        coalesce(life_status.value, 'active') as life_status,
        versions.reason,
        versions.valid_from,
        versions.valid_to
    from versions
    inner join sources on versions._source = sources.crm_source
    cross join run_settings
    left join account_names
        on
            versions._source = account_names.crm_source
            and case when versions.account_id is null then versions.account_name end
            = account_names.account_name
    left join orders
        on {{ record_key('orders', 'versions.order_id', 'versions._source') }} = orders.order_key
    left join exchange_rates
        on
            case
                when versions.exchange_rate is null
                    then
                        nullif(
                            coalesce(versions.currency, sources.currency),
                            run_settings.base_currency
                        )
            end = exchange_rates.currency
            and coalesce(versions.refund_date, cast(versions.created_at as date))
            >= exchange_rates.rate_date
            and coalesce(versions.refund_date, cast(versions.created_at as date))
            < exchange_rates.until_date
    left join enum_map as refund_status
        on
            versions._source = refund_status.crm_source
            and refund_status.enum = 'order_status'
            and {{ folded('versions.status') }} = refund_status.raw_value_key
    left join enum_map as life_status
        on
            versions._source = life_status.crm_source
            and life_status.enum = 'life_status'
            and {{ folded('versions.life_status') }} = life_status.raw_value_key
),

counted_returns as (
    select
        order_key,
        min(valid_from) as returned_from,
        case when count(*) = count(valid_to) then max(valid_to) end as returned_to
    from valued
    where
        record_kind = 'returns'
        and status = 'counted'
        and life_status = 'active'
        and order_key is not null
    group by order_key
),

-- A version is cut where the return of its order arrives and where it goes.
phases as (
    select 'before' as phase
    union all
    select 'returned' as phase
    union all
    select 'after' as phase
),

cut_versions as (
    select
        valued.*,
        phases.phase,
        counted_returns.returned_from,
        counted_returns.returned_to
    from valued
    left join counted_returns
        on
            case when valued.record_kind <> 'returns' then valued.order_key end
            = counted_returns.order_key
    inner join phases
        on
            (
                phases.phase = 'before'
                and (
                    counted_returns.order_key is null
                    or valued.valid_from < counted_returns.returned_from
                )
            )
            or (
                phases.phase = 'returned'
                and coalesce(valued.valid_to, date '9999-12-31') > counted_returns.returned_from
                and valued.valid_from < coalesce(counted_returns.returned_to, date '9999-12-31')
            )
            or (
                phases.phase = 'after'
                and coalesce(valued.valid_to, date '9999-12-31') > counted_returns.returned_to
            )
)

select
    refund_key,
    crm_source,
    record_kind,
    refund_id,
    document_number,
    order_key,
    party_key,
    refund_date,
    amount_doc,
    currency,
    rate_to_base,
    status,
    life_status,
    reason,
    case phase
        when 'before' then valid_from
        when 'returned' then greatest(valid_from, returned_from)
        else greatest(valid_from, returned_to)
    end as valid_from,
    case phase
        when 'before'
            then least(coalesce(valid_to, returned_from), coalesce(returned_from, valid_to))
        when 'returned' then least(coalesce(valid_to, returned_to), coalesce(returned_to, valid_to))
        else valid_to
    end as valid_to,
    {{ in_base('amount_doc') }} as amount_base,
    phase <> 'returned' and status = 'counted' and life_status = 'active' as is_countable
from cut_versions

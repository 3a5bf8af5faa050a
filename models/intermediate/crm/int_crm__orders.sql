-- Grain: one row per version of an order or invoice.
-- Money: net = the document's own total, gross = its sub total, discount = gross - net - tax.
-- is_countable says whether the document makes a purchase, were its rate and amount known.
with {{ record_versions(ref('stg_crm__orders')) }},

sources as (
    select * from {{ source('raw', 'sources') }}
),

run_settings as (
    select * from {{ source('raw', 'run_settings') }}
),

owner_names as (
    select * from {{ ref('int_crm__owner_names') }}
),

enum_map as (
    select * from {{ ref('int_config__enum_map') }}
),

account_names as (
    select * from {{ ref('int_crm__account_names') }}
),

contact_parties as (
    select * from {{ ref('int_crm__contact_parties') }}
),

exchange_rates as (
    select * from {{ ref('int_crm__exchange_rates') }}
),

valued as (
    select
        versions._source as crm_source,
        versions._kind as record_kind,
        versions._record_id as order_id,
        versions.document_number,
        versions.subject,
        coalesce(
            {{ record_key('accounts', 'versions.account_id', 'versions._source') }},
            account_names.account_key,
            contact_parties.party_key
        ) as party_key,
        versions.account_id,
        {{ record_key('contacts', 'versions.contact_id', 'versions._source') }} as contact_key,
        {{ record_key('deals', 'versions.deal_id', 'versions._source') }} as deal_key,
        coalesce(
            {{ record_key('users', 'versions.owner_id', 'versions._source') }},
            owner_names.owner_key
        ) as owner_key,
        coalesce(versions.order_date, cast(versions.created_at as date)) as order_date,
        versions.delivery_date,
        versions.channel,
        versions.status as crm_status,
        case
            when versions.status is null then 'counted'
            else coalesce(order_status.value, 'unknown')
        end as status,
        coalesce(life_status.value, 'active') as life_status,
        cast(
            cast(versions.grand_total as decimal(18, 2)) - case
                when sources.net_of_tax then coalesce(cast(versions.tax as decimal(18, 2)), 0)
                else 0
            end as decimal(18, 2)
        ) as net_doc,
        cast(versions.sub_total as decimal(18, 2)) as gross_doc,
        coalesce(cast(versions.tax as decimal(18, 2)), 0) as tax_doc,
        -- What the parts of the document should add up to: a discount is an amount or a percentage.
        {{ rounded(discounted('versions.sub_total', 'versions')
            ~ ' + coalesce(cast(versions.tax as double), 0)'
            ~ ' + coalesce(cast(versions.adjustment as double), 0)') }} as parts_doc,
        cast(versions.grand_total as decimal(18, 2)) as total_doc,
        cast(versions.returned_amount as decimal(18, 2)) as returned_doc,
        cast(versions.refund_amount as decimal(18, 2)) as refunded_doc,
        coalesce(versions.currency, sources.currency, run_settings.base_currency) as currency,
        run_settings.base_currency,
        {{ rate_to_base() }} as rate_to_base,
        sources.money_entity = versions._kind as is_money_entity,
        nullif(
            substr(
                case
                    when versions.status is not null and order_status.value is null
                        then '; status=' || versions.status
                    else ''
                end
                || case
                    when versions.life_status is not null and life_status.value is null
                        then '; life_status=' || versions.life_status
                    else ''
                end,
                3
            ),
            ''
        ) as unmapped_values,
        versions._cast_errors as cast_errors,
        coalesce(versions.grand_total <> round(versions.grand_total, 2), false)
            as has_long_decimals,
        versions._source_file,
        versions._source_row_number,
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
    left join contact_parties
        on
            case
                when versions.account_id is null
                    then {{ record_key('contacts', 'versions.contact_id', 'versions._source') }}
            end = contact_parties.contact_key
    left join owner_names
        on
            versions._source = owner_names.crm_source
            and case when versions.owner_id is null then versions.owner_name end
            = owner_names.owner_name
    left join enum_map as order_status
        on
            versions._source = order_status.crm_source
            and order_status.enum = 'order_status'
            and {{ folded('versions.status') }} = order_status.raw_value_key
    left join enum_map as life_status
        on
            versions._source = life_status.crm_source
            and life_status.enum = 'life_status'
            and {{ folded('versions.life_status') }} = life_status.raw_value_key
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
            and coalesce(versions.order_date, cast(versions.created_at as date))
            >= exchange_rates.rate_date
            and coalesce(versions.order_date, cast(versions.created_at as date))
            < exchange_rates.until_date
)

select
    md5(crm_source || '|' || record_kind || '|' || order_id) as order_key,
    crm_source,
    record_kind,
    order_id,
    document_number,
    subject,
    party_key,
    account_id,
    contact_key,
    deal_key,
    owner_key,
    order_date,
    delivery_date,
    channel,
    crm_status,
    status,
    life_status,
    net_doc,
    gross_doc,
    parts_doc,
    total_doc,
    currency,
    rate_to_base,
    {{ in_base('net_doc') }} as net_base,
    {{ in_base('gross_doc') }} as gross_base,
    {{ in_base('(gross_doc - net_doc - tax_doc)') }} as discount_base,
    {{ in_base('returned_doc') }} as returned_base,
    {{ in_base('refunded_doc') }} as refunded_base,
    is_money_entity,
    is_money_entity and status = 'counted' and life_status = 'active' as is_countable,
    unmapped_values,
    cast_errors,
    has_long_decimals,
    _source_file,
    _source_row_number,
    valid_from,
    valid_to
from valued

-- Grain: one row per deal version.
with {{ record_versions(ref('stg_crm__deals')) }},

sources as (
    select * from {{ source('raw', 'sources') }}
),

run_settings as (
    select * from {{ source('raw', 'run_settings') }}
),

owner_names as (
    select * from {{ ref('int_crm__owner_names') }}
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

enum_map as (
    select * from {{ ref('int_config__enum_map') }}
),

valued as (
    select
        {{ record_key('deals', 'versions._record_id', 'versions._source') }} as deal_key,
        versions._source as crm_source,
        versions._record_id as deal_id,
        versions.name as deal_name,
        coalesce(
            {{ record_key('accounts', 'versions.account_id', 'versions._source') }},
            account_names.account_key,
            contact_parties.party_key
        ) as party_key,
        versions.account_id,
        {{ record_key('contacts', 'versions.contact_id', 'versions._source') }} as contact_key,
        {{ record_key('leads', 'versions.lead_id', 'versions._source') }} as lead_key,
        coalesce(
            {{ record_key('users', 'versions.owner_id', 'versions._source') }},
            owner_names.owner_key
        ) as owner_key,
        versions.owner_name,
        versions.stage as crm_stage,
        case
            when deal_status.value in ('won', 'lost') then deal_status.value
            when versions.stage is null then 'unknown'
            else coalesce(deal_stage.value, 'unknown')
        end as stage,
        cast(versions.amount as decimal(18, 2)) as amount_doc,
        coalesce(versions.currency, sources.currency, run_settings.base_currency) as currency,
        {{ rate_to_base() }} as rate_to_base,
        versions.probability,
        versions.close_date,
        versions.loss_reason,
        coalesce(product.value, versions.product_name) as product_name,
        versions.source_channel,
        coalesce(lead_source.value, 'unknown') as source_channel_group,
        versions.next_follow_at,
        cast(versions.stage_changed_at as date) as stage_changed_date,
        coalesce(life_status.value, 'active') as life_status,
        sources.money_entity = 'deals' as is_money_entity,
        versions.tag,
        versions.description,
        cast(versions.created_at as date) as created_date,
        versions.modified_at,
        nullif(
            substr(
                case
                    when versions.stage is not null and deal_stage.value is null
                        then '; stage=' || versions.stage
                    else ''
                end
                || case
                    when versions.source_channel is not null and lead_source.value is null
                        then '; source_channel=' || versions.source_channel
                    else ''
                end,
                3
            ),
            ''
        ) as unmapped_values,
        versions._cast_errors as cast_errors,
        coalesce(versions.amount <> round(versions.amount, 2), false) as has_long_decimals,
        versions._source_file,
        versions._source_row_number,
        versions.valid_from,
        versions.valid_to
    from versions
    inner join sources on versions._source = sources.crm_source
    cross join run_settings
    left join owner_names
        on
            versions._source = owner_names.crm_source
            and case when versions.owner_id is null then versions.owner_name end
            = owner_names.owner_name
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
            and coalesce(versions.close_date, versions._export_date) >= exchange_rates.rate_date
            and coalesce(versions.close_date, versions._export_date) < exchange_rates.until_date
    left join enum_map as deal_stage
        on
            versions._source = deal_stage.crm_source
            and deal_stage.enum = 'deal_stage'
            and {{ folded('versions.stage') }} = deal_stage.raw_value_key
    left join enum_map as deal_status
        on
            versions._source = deal_status.crm_source
            and deal_status.enum = 'deal_status'
            and {{ folded('versions.status') }} = deal_status.raw_value_key
    left join enum_map as product
        on
            versions._source = product.crm_source
            and product.enum = 'product'
            and {{ folded('versions.product_name') }} = product.raw_value_key
    left join enum_map as lead_source
        on
            versions._source = lead_source.crm_source
            and lead_source.enum = 'lead_source'
            and {{ folded('versions.source_channel') }} = lead_source.raw_value_key
    left join enum_map as life_status
        on
            versions._source = life_status.crm_source
            and life_status.enum = 'life_status'
            and {{ folded('versions.life_status') }} = life_status.raw_value_key
)

select
    *,
    {{ in_base('amount_doc') }} as amount_base
from valued

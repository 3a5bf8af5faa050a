-- Grain: one row per version of a call, meeting, task, visit, e-mail or sales record.
-- party_key: the account it names, else its contact's, else the record a feed row names, else the one
-- whose e-mail or phone it bears.
with {{ record_versions(ref('stg_crm__activities')) }},

owner_names as (
    select * from {{ ref('int_crm__owner_names') }}
),

contact_parties as (
    select * from {{ ref('int_crm__contact_parties') }}
),

contact_points as (
    select * from {{ ref('int_crm__contact_points') }}
),

accounts as (
    select distinct account_key from {{ ref('int_crm__accounts') }}
),

leads as (
    select distinct lead_key from {{ ref('int_crm__leads') }}
),

lead_points as (
    select * from {{ ref('int_crm__lead_points') }}
),

enum_map as (
    select * from {{ ref('int_config__enum_map') }}
),

phones as (
    select * from {{ source('raw', 'normalised_phones') }}
    where country_text = ''
),

emails as (
    select * from {{ source('raw', 'normalised_emails') }}
),

pointed as (
    select
        versions.*,
        case
            when versions.phone is not null then {{ phone_e164('versions.phone', 'phones') }}
        end as phone_e164,
        case
            when versions.feed_record_id is null
                then coalesce(
                    {{ contact_point(
                        email_address('versions.email', 'emails'), 'versions.email'
                    ) }},
                    {{ contact_point(phone_e164('versions.phone', 'phones'), 'versions.phone') }}
                )
        end as contact_point
    from versions
    left join emails on versions.email = emails.email_text
    left join phones on versions.phone = phones.phone_text
)

select
    md5(versions._source || '|' || versions._kind || '|' || versions._record_id) as activity_key,
    versions._source as crm_source,
    versions._kind as record_kind,
    versions._record_id as activity_id,
    coalesce(activity_type.value, versions._kind) as activity_type,
    versions.subject,
    versions.direction,
    versions.status as crm_status,
    versions.result,
    versions.phone,
    versions.phone_e164,
    contact_effect.value as contact_effect,
    number_status.value as number_status,
    versions.manner,
    coalesce(versions.started_at, versions.created_at, versions.due_at, versions.modified_at)
        as occurred_at,
    cast(
        coalesce(versions.started_at, versions.created_at, versions.due_at, versions.modified_at)
        as date
    ) as activity_date,
    versions.duration_seconds,
    coalesce(contact_manner.value, activity_type.value, versions._kind) as manner_group,
    case coalesce(contact_manner.value, activity_type.value)
        when 'call'
            then
                coalesce(versions.duration_seconds, 0) > 0
                or coalesce(contact_result.value, '') = 'connected'
        when 'meeting' then coalesce(lower(versions.status), '') not in ('cancelled', '已取消')
        when 'visit' then true
        when 'email' then coalesce(contact_direction.value, '') = 'inbound'
        when 'wechat' then coalesce(contact_direction.value, '') = 'inbound'
        else false
    end as is_two_way,
    coalesce(contact_direction.value, '') = 'inbound' as is_inbound,
    coalesce(
        {{ record_key('accounts', 'versions.account_id', 'versions._source') }},
        case
            when versions.related_module in ('Accounts', 'AccountObj', '客户')
                then {{ record_key('accounts', 'versions.related_id', 'versions._source') }}
        end,
        {{ record_key('accounts', related_object_id('AccountObj'), 'versions._source') }},
        contact_parties.party_key,
        feed_parties.party_key,
        accounts.account_key,
        contact_points.party_key
    ) as party_key,
    -- The account it names as a person finds it in the export.
    coalesce(
        versions.account_id,
        versions.related_id,
        {{ related_object_id('AccountObj') }},
        versions.feed_record_id,
        versions.contact_id
    ) as party_id,
    {{ record_key('contacts', 'versions.contact_id', 'versions._source') }} as contact_key,
    coalesce(
        {{ record_key('deals', 'versions.deal_id', 'versions._source') }},
        case
            when versions.related_module in ('Deals', 'Potentials', 'NewOpportunityObj', '商机2.0')
                then {{ record_key('deals', 'versions.related_id', 'versions._source') }}
        end,
        {{ record_key('deals', related_object_id('NewOpportunityObj'), 'versions._source') }}
    ) as deal_key,
    coalesce(
        {{ record_key('leads', 'versions.lead_id', 'versions._source') }},
        case
            when versions.related_module in ('Leads', 'LeadsObj', '销售线索')
                then {{ record_key('leads', 'versions.related_id', 'versions._source') }}
        end,
        {{ record_key('leads', related_object_id('LeadsObj'), 'versions._source') }},
        feed_leads.lead_key,
        lead_points.lead_key
    ) as lead_key,
    coalesce(
        {{ record_key('users', 'versions.owner_id', 'versions._source') }},
        owner_names.owner_key
    ) as owner_key,
    versions.content,
    versions._cast_errors as cast_errors,
    versions.valid_from,
    versions.valid_to
from pointed as versions
left join owner_names
    on
        versions._source = owner_names.crm_source
        and case when versions.owner_id is null then versions.owner_name end
        = owner_names.owner_name
left join contact_parties
    on
        case
            when versions.account_id is null
                then {{ record_key('contacts', 'versions.contact_id', 'versions._source') }}
        end = contact_parties.contact_key
left join contact_parties as feed_parties
    on
        {{ record_key('contacts', 'versions.feed_record_id', 'versions.feed_crm_source') }}
        = feed_parties.contact_key
left join accounts
    on
        {{ record_key('accounts', 'versions.feed_record_id', 'versions.feed_crm_source') }}
        = accounts.account_key
left join contact_points on versions.contact_point = contact_points.contact_point
left join leads as feed_leads
    on
        {{ record_key('leads', 'versions.feed_record_id', 'versions.feed_crm_source') }}
        = feed_leads.lead_key
left join lead_points on versions.contact_point = lead_points.contact_point
left join enum_map as contact_manner
    on
        versions._source = contact_manner.crm_source
        and contact_manner.enum = 'contact_manner'
        and {{ folded('versions.manner') }} = contact_manner.raw_value_key
left join enum_map as contact_result
    on
        versions._source = contact_result.crm_source
        and contact_result.enum = 'contact_result'
        and {{ folded('versions.result') }} = contact_result.raw_value_key
left join enum_map as contact_effect
    on
        versions._source = contact_effect.crm_source
        and contact_effect.enum = 'contact_effect'
        and {{ folded('versions.result') }} = contact_effect.raw_value_key
left join enum_map as number_status
    on
        versions._source = number_status.crm_source
        and number_status.enum = 'number_status'
        and {{ folded('versions.result') }} = number_status.raw_value_key
left join enum_map as contact_direction
    on
        versions._source = contact_direction.crm_source
        and contact_direction.enum = 'contact_direction'
        and {{ folded('versions.direction') }} = contact_direction.raw_value_key
left join enum_map as activity_type
    on
        versions._source = activity_type.crm_source
        and activity_type.enum = 'activity_type'
        and versions._kind = activity_type.raw_value_key

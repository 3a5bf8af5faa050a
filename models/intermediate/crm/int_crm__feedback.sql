-- Grain: one row per version of a feedback row. party_key: the account it names, else its contact's,
-- else the record it names, else the one whose e-mail or phone it bears.
-- closed_date: when it was closed; the last change of a closed one that does not say.
with {{ record_versions(ref('stg_crm__feedback')) }},

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

owner_names as (
    select * from {{ ref('int_crm__owner_names') }}
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
    md5(versions._source || '|' || versions._kind || '|' || versions._record_id) as feedback_key,
    versions._source as crm_source,
    versions._kind as record_kind,
    versions._record_id as feedback_id,
    coalesce(
        {{ record_key('accounts', 'versions.account_id', 'versions._source') }},
        contact_parties.party_key,
        feed_parties.party_key,
        accounts.account_key,
        contact_points.party_key
    ) as party_key,
    coalesce(leads.lead_key, lead_points.lead_key) as lead_key,
    coalesce(versions.answered_at, versions.created_at) as occurred_at,
    cast(coalesce(versions.answered_at, versions.created_at) as date) as occurred_date,
    versions.survey_type,
    coalesce(survey_type.value, 'csat') as survey_group,
    versions.score,
    versions.scale,
    versions.status,
    versions.reason,
    coalesce(
        {{ record_key('users', 'versions.owner_id', 'versions._source') }},
        owner_names.owner_key
    ) as owner_key,
    {{ record_key('orders', 'versions.order_id', 'versions._source') }} as order_key,
    versions.content,
    versions.channel,
    versions.created_at,
    versions.closed_at,
    case
        when versions.closed_at is not null then cast(versions.closed_at as date)
        when feedback_status.value = 'closed'
            then coalesce(cast(versions.modified_at as date), versions.valid_from)
    end as closed_date,
    versions.valid_from,
    versions.valid_to
from pointed as versions
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
left join owner_names
    on
        versions._source = owner_names.crm_source
        and case when versions.owner_id is null then versions.owner_name end
        = owner_names.owner_name
left join enum_map as survey_type
    on
        versions._source = survey_type.crm_source
        and survey_type.enum = 'survey_type'
        and {{ folded('versions.survey_type') }} = survey_type.raw_value_key
left join enum_map as feedback_status
    on
        versions._source = feedback_status.crm_source
        and feedback_status.enum = 'feedback_status'
        and {{ folded('versions.status') }} = feedback_status.raw_value_key
left join leads
    on
        {{ record_key('leads', 'versions.feed_record_id', 'versions.feed_crm_source') }}
        = leads.lead_key
left join lead_points on versions.contact_point = lead_points.contact_point

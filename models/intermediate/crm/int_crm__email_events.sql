-- Grain: one row per version of a email event row. party_key: the record it names, else the
-- one whose e-mail or phone it bears.
with {{ record_versions(ref('stg_crm__email_events')) }},

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

emails as (
    select * from {{ source('raw', 'normalised_emails') }}
),

pointed as (
    select
        versions.*,
        {{ email_address('versions.email', 'emails') }} as email_normalised,
        case
            when versions.feed_record_id is null
                then {{ contact_point(
                    email_address('versions.email', 'emails'), 'versions.email'
                ) }}
        end as contact_point
    from versions
    left join emails on versions.email = emails.email_text
)

select
    md5(versions._source || '|' || versions._kind || '|' || versions._record_id) as email_event_key,
    versions._source as crm_source,
    versions._kind as record_kind,
    versions._record_id as email_event_id,
    coalesce(
        contact_parties.party_key,
        accounts.account_key,
        contact_points.party_key
    ) as party_key,
    coalesce(leads.lead_key, lead_points.lead_key) as lead_key,
    versions.email,
    versions.email_normalised,
    versions.occurred_at,
    cast(versions.occurred_at as date) as occurred_date,
    versions.event,
    coalesce(email_event.value, 'other') as event_group,
    versions.campaign_id,
    versions.campaign_name,
    versions.subject,
    versions.valid_from,
    versions.valid_to
from pointed as versions
left join contact_parties
    on
        {{ record_key('contacts', 'versions.feed_record_id', 'versions.feed_crm_source') }}
        = contact_parties.contact_key
left join accounts
    on
        {{ record_key('accounts', 'versions.feed_record_id', 'versions.feed_crm_source') }}
        = accounts.account_key
left join contact_points on versions.contact_point = contact_points.contact_point
left join enum_map as email_event
    on
        versions._source = email_event.crm_source
        and email_event.enum = 'email_event'
        and {{ folded('versions.event') }} = email_event.raw_value_key
left join leads
    on
        {{ record_key('leads', 'versions.feed_record_id', 'versions.feed_crm_source') }}
        = leads.lead_key
left join lead_points on versions.contact_point = lead_points.contact_point

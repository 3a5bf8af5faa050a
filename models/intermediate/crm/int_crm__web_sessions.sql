-- Grain: one row per version of a web session row. party_key: the record it names, else the
-- one whose e-mail or phone it bears.
with {{ record_versions(ref('stg_crm__web_sessions')) }},

contact_parties as (
    select * from {{ ref('int_crm__contact_parties') }}
),

contact_points as (
    select * from {{ ref('int_crm__contact_points') }}
),

accounts as (
    select distinct account_key from {{ ref('int_crm__accounts') }}
)

select
    md5(versions._source || '|' || versions._kind || '|' || versions._record_id) as web_session_key,
    versions._source as crm_source,
    versions._kind as record_kind,
    versions._record_id as web_session_id,
    coalesce(
        contact_parties.party_key,
        accounts.account_key,
        contact_points.party_key
    ) as party_key,
    versions.started_at as occurred_at,
    cast(versions.started_at as date) as occurred_date,
    versions.event,
    versions.page_views,
    versions.landing_page,
    versions.medium,
    versions.referrer,
    versions.campaign_name,
    versions.ended_at,
    versions.valid_from,
    versions.valid_to
from versions
left join contact_parties
    on
        {{ record_key('contacts', 'versions.feed_record_id', 'versions.feed_crm_source') }}
        = contact_parties.contact_key
left join accounts
    on
        {{ record_key('accounts', 'versions.feed_record_id', 'versions.feed_crm_source') }}
        = accounts.account_key
left join contact_points
    on
        case
            when versions.feed_record_id is null
                then coalesce({{ folded('versions.email') }}, {{ digits_of('versions.phone') }})
        end = contact_points.contact_point

-- Grain: one row per source record that stands for a customer: an account, a contact without an
-- account, or an id that only facts name (is_inferred). Until records are matched across systems
-- each is a customer of its own.
-- record_seen_on: first export of the record itself; fact_seen_on: of a fact that names it.
with accounts as (
    select * from {{ ref('int_crm__accounts') }}
),

contacts as (
    select * from {{ ref('int_crm__contacts') }}
),

known_records as (
    select
        account_key as record_key,
        'account' as record_type,
        crm_source,
        account_id as source_id,
        min(valid_from) as record_seen_on
    from accounts
    group by account_key, crm_source, account_id
    union all
    select
        contact_key as record_key,
        'contact' as record_type,
        crm_source,
        contact_id as source_id,
        min(valid_from) as record_seen_on
    from contacts
    where party_key = contact_key
    group by contact_key, crm_source, contact_id
),

fact_accounts as (
    select
        party_key,
        crm_source,
        account_id,
        min(valid_from) as fact_seen_on
    from {{ ref('int_crm__orders') }}
    where party_key is not null and account_id is not null
    group by party_key, crm_source, account_id
    union all
    select
        party_key,
        crm_source,
        account_id,
        min(valid_from) as fact_seen_on
    from {{ ref('int_crm__deals') }}
    where party_key is not null and account_id is not null
    group by party_key, crm_source, account_id
    union all
    select
        party_key,
        crm_source,
        account_id,
        min(valid_from) as fact_seen_on
    from contacts
    where party_key = account_key and account_id is not null
    group by party_key, crm_source, account_id
),

named_records as (
    select
        party_key as record_key,
        min(crm_source) as crm_source,
        min(account_id) as source_id,
        min(fact_seen_on) as fact_seen_on
    from fact_accounts
    group by party_key
)

select
    coalesce(known_records.record_key, named_records.record_key) as record_key,
    coalesce(known_records.record_type, 'account') as record_type,
    coalesce(known_records.crm_source, named_records.crm_source) as crm_source,
    coalesce(known_records.source_id, named_records.source_id) as source_id,
    coalesce(known_records.record_key, named_records.record_key) as customer_key,
    case
        when known_records.record_key is null then 'inferred_from_facts'
        else 'own_record'
    end as match_rule,
    case when known_records.record_key is null then named_records.source_id end as evidence,
    known_records.record_key is null as is_inferred,
    known_records.record_seen_on,
    named_records.fact_seen_on,
    coalesce(
        least(known_records.record_seen_on, named_records.fact_seen_on),
        known_records.record_seen_on,
        named_records.fact_seen_on
    ) as first_seen_on
from known_records
full outer join named_records on known_records.record_key = named_records.record_key

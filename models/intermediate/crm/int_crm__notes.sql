-- Grain: one row per note version. party_key: the customer record it is written on; lead_key,
-- deal_key: the lead or deal it is written on.
with {{ record_versions(ref('stg_crm__notes')) }},

contact_parties as (
    select * from {{ ref('int_crm__contact_parties') }}
)

select
    md5(versions._source || '|' || versions._kind || '|' || versions._record_id) as note_key,
    versions._source as crm_source,
    versions._kind as record_kind,
    versions._record_id as note_id,
    coalesce(
        case
            when versions.parent_module in ('Accounts', 'AccountObj', '客户')
                then {{ record_key('accounts', 'versions.parent_id', 'versions._source') }}
        end,
        contact_parties.party_key
    ) as party_key,
    case
        when versions.parent_module in ('Leads', 'LeadsObj', '销售线索')
            then {{ record_key('leads', 'versions.parent_id', 'versions._source') }}
    end as lead_key,
    case
        when versions.parent_module in ('Deals', 'Potentials', 'NewOpportunityObj', '商机2.0')
            then {{ record_key('deals', 'versions.parent_id', 'versions._source') }}
    end as deal_key,
    versions.title,
    versions.content,
    cast(coalesce(versions.created_at, versions.modified_at) as date) as noted_date,
    versions.valid_from,
    versions.valid_to
from versions
left join contact_parties
    on
        case
            when versions.parent_module in ('Contacts', 'ContactObj', '联系人')
                then {{ record_key('contacts', 'versions.parent_id', 'versions._source') }}
        end = contact_parties.contact_key

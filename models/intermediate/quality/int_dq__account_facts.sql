-- Grain: one row per customer record that orders, deals or contacts of the published date name: what
-- the rules ask of an account beside its own fields.
with run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

purchases as (
    select
        orders.party_key,
        min(orders.order_date) as first_order_date
    from {{ ref('int_crm__orders') }} as orders
    inner join run_context
        on
            orders.order_date <= run_context.as_of_date
            and {{ is_known('orders', 'run_context.knowledge_date') }}
    where orders.is_countable and orders.net_doc > 0
    group by orders.party_key
),

deals as (
    select
        deals.party_key,
        min(
            case
                when deals.stage = 'won'
                    then coalesce(deals.close_date, deals.stage_changed_date, deals.valid_from)
            end
        ) as first_won_date,
        count(*) filter (where deals.stage not in ('won', 'lost')) as open_deals
    from {{ ref('int_crm__deals') }} as deals
    inner join run_context on {{ is_known('deals', 'run_context.knowledge_date') }}
    where deals.life_status <> 'void'
    group by deals.party_key
),

contacts as (
    select
        contacts.party_key,
        count(*) as contacts,
        count(coalesce(contacts.role, contacts.title)) as contacts_with_role
    from {{ ref('int_crm__contacts') }} as contacts
    inner join run_context on {{ is_known('contacts', 'run_context.knowledge_date') }}
    where contacts.life_status <> 'void' and contacts.party_key = contacts.account_key
    group by contacts.party_key
),

parties as (
    select party_key from purchases
    union
    select party_key from deals
    union
    select party_key from contacts
)

select
    parties.party_key,
    purchases.first_order_date,
    deals.first_won_date,
    least(
        coalesce(purchases.first_order_date, deals.first_won_date),
        coalesce(deals.first_won_date, purchases.first_order_date)
    ) as customer_since_date,
    coalesce(deals.open_deals, 0) as open_deals,
    coalesce(contacts.contacts, 0) as contacts,
    coalesce(contacts.contacts_with_role, 0) as contacts_with_role
from parties
left join purchases on parties.party_key = purchases.party_key
left join deals on parties.party_key = deals.party_key
left join contacts on parties.party_key = contacts.party_key
where parties.party_key is not null

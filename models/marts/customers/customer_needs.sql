-- Grain: one row per living customer × need group × need, on the published date.
with customers as (
    select * from {{ ref('int_customers__customers') }}
    where not is_deleted
),

needs as (
    select * from {{ ref('int_behaviour__needs') }}
    where party_type = 'customer'
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
)

select
    needs.as_of_date,
    needs.party_key as customer_key,
    needs.need,
    needs.need_group,
    needs.strength,
    needs.mentions,
    needs.last_mentioned_date
from needs
inner join run_context on needs.as_of_date = run_context.as_of_date
inner join customers
    on needs.as_of_date = customers.as_of_date and needs.party_key = customers.customer_key

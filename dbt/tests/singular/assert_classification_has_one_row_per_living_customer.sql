{{ config(meta={'dagster': {'ref': {'name': 'customer_classification'}}}) }}
-- Nobody lost, nobody twice; the sum of hashes of the keys would not be exact, the join is.
with living as (
    select customer_key
    from {{ ref('dim_customer') }}
    where not is_deleted and customer_key <> 'unknown'
),

counts as (
    select
        (select count(*) from living) as living,
        (select count(*) from {{ ref('customer_classification') }}) as classified,
        (select count(*) from {{ ref('customer_lifecycle') }}) as staged,
        (
            select count(*)
            from {{ ref('customer_classification') }}
            inner join living using (customer_key)
        ) as found
)

select *
from counts
where classified <> living or staged <> living or found <> living

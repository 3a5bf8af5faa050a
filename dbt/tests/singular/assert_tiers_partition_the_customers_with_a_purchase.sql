{{ config(meta={'dagster': {'ref': {'name': 'customer_abc'}}}) }}
-- Every living customer with a counted purchase has one ABC tier and one RFM class, and nobody else.
with counts as (
    select
        (select count(*) from {{ ref('customer_abc') }}) as tiered,
        (select count(*) from {{ ref('customer_rfm') }}) as scored,
        (
            select count(*)
            from {{ ref('customer_classification') }}
            where abc_tier <> 'not_applicable'
        ) as with_tier,
        (
            select count(*)
            from {{ ref('customer_classification') }}
            where rfm_class <> 'not_applicable'
        ) as with_class,
        (
            select count(*)
            from {{ ref('dim_customer') }}
            where is_existing and not is_deleted
        ) as with_purchase
)

select *
from counts
where
    tiered <> with_purchase
    or scored <> with_purchase
    or with_tier <> with_purchase
    or with_class <> with_purchase

-- Grain: one row per as_of_date × living customer, replaced per as_of_date.
{{ history_table() }}
select
    as_of_date,
    customer_key,
    customer_name,
    owner_key,
    rfm_class,
    rfm_code,
    abc_tier,
    relationship_stage,
    customer_status,
    prospect_stage,
    customer_type,
    is_new_customer
from {{ ref('int_customers__classes') }}

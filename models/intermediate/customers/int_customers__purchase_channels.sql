-- Grain: one row per as_of_date × living buyer: the group of channels that brings it most money in the
-- window; between equals the one used last.
with buyers as (
    select * from {{ ref('int_customers__buyers') }}
),

measured as (
    select
        as_of_date,
        customer_key,
        window_online_base,
        window_offline_base,
        coalesce(last_online_date >= last_offline_date, false) as is_online_last
    from buyers
)

select
    measured.as_of_date,
    measured.customer_key,
    measured.window_online_base,
    measured.window_offline_base,
    measured.is_online_last,
    {{ purchase_channel_of(named_inputs('measured', [
        'window_online_base', 'window_offline_base', 'is_online_last',
    ])) }} as purchase_channel
from measured

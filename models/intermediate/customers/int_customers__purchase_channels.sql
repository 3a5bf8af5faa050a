-- Grain: one row per as_of_date × living buyer: the group of channels that brings it most money in the
-- window; between equals the one used last.
with buyers as (
    select * from {{ ref('int_customers__buyers') }}
)

select
    as_of_date,
    customer_key,
    window_online_base,
    window_offline_base,
    case
        when window_online_base = 0 and window_offline_base = 0 then 'unknown'
        when window_online_base > window_offline_base then 'online'
        when window_online_base < window_offline_base then 'offline'
        when last_online_date >= last_offline_date then 'online'
        else 'offline'
    end as purchase_channel
from buyers

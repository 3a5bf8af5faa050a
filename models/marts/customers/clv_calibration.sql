-- Grain: one row per decile of the customers of 90 days before the published as_of_date, in the order
-- of the purchase days predicted for those 90 days; 10 is the highest.
with calibration as (
    select * from {{ source('raw', 'clv_calibration') }}
)

select
    as_of_date,
    predicted_on,
    fitted_on,
    decile,
    customers,
    predicted_purchases,
    actual_purchases,
    status
from calibration

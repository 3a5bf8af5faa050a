-- Grain: one row per crm_source × account name; account_key only where one account bears the name.
with accounts as (
    select * from {{ ref('int_crm__accounts') }}
)

select
    crm_source,
    account_name,
    case when count(distinct account_key) = 1 then min(account_key) end as account_key,
    count(distinct account_key) as accounts
from accounts
where account_name is not null
group by crm_source, account_name

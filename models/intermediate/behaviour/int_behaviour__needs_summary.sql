-- Grain: one row per as_of_date × party (customer or lead) with a need: of each group the one spoken of
-- most, then most recently.
with needs as (
    select * from {{ ref('int_behaviour__needs') }}
),

ranked as (
    select
        as_of_date,
        party_type,
        party_key,
        need_group,
        need,
        row_number() over (
            partition by as_of_date, party_type, party_key, need_group
            order by
                strength desc nulls last,
                last_mentioned_date desc nulls last,
                need asc nulls last
        ) as choice
    from needs
    where need_group <> 'need_kind'
),

-- Half of the rows, of which none is chosen: they need no order.
told as (
    select
        as_of_date,
        party_type,
        party_key,
        need_group,
        need
    from ranked
    where choice = 1
    union all
    select
        as_of_date,
        party_type,
        party_key,
        need_group,
        need
    from needs
    where need_group = 'need_kind'
)

select
    as_of_date,
    party_type,
    party_key,
    coalesce(max(case when need_group = 'need' then need end), 'unknown') as primary_need,
    case
        when count(*) filter (where need_group = 'need_kind') > 1 then 'both'
        else coalesce(max(case when need_group = 'need_kind' then need end), 'unknown')
    end as need_kind,
    coalesce(max(case when need_group = 'product_tier' then need end), 'unknown')
        as product_tier,
    coalesce(max(case when need_group = 'service_type' then need end), 'unknown')
        as service_type
from told
group by as_of_date, party_type, party_key

-- Grain: one row per as_of_date × party (customer or lead) × need group × need it spoke of.
-- What records say counts as they stand, what was said on a day while it lies in the window. Of leads,
-- on the newest date alone: no history has theirs.
with mentions as (
    select * from {{ ref('int_behaviour__mentions') }}
),

need_sources as (
    select
        mention_source,
        weight,
        valid_from as weight_from,
        coalesce(valid_to, cast('9999-12-31' as date)) as weight_until
    from {{ ref('need_sources') }}
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
),

known_mentions as (
    select
        run_context.as_of_date,
        mentions.party_type,
        mentions.party_key,
        mentions.need_group,
        mentions.need,
        mentions.mention_date,
        mentions.mentions,
        need_sources.weight
    from mentions
    inner join need_sources on mentions.mention_source = need_sources.mention_source
    inner join run_context
        on
            mentions.mention_date <= run_context.as_of_date
            and mentions.rule_from <= run_context.as_of_date
            and mentions.rule_until >= run_context.as_of_date
            and need_sources.weight_from <= run_context.as_of_date
            and need_sources.weight_until >= run_context.as_of_date
            and (mentions.party_type = 'customer' or run_context.is_newest)
            and (mentions.is_attribute or mentions.mention_date >= run_context.window_start)
            and mentions.valid_from <= case
                when mentions.is_attribute then run_context.attribute_date
                else run_context.knowledge_date
            end
            and (
                mentions.valid_to is null
                or mentions.valid_to > case
                    when mentions.is_attribute then run_context.attribute_date
                    else run_context.knowledge_date
                end
            )
),

summed as (
    select
        as_of_date,
        party_type,
        party_key,
        need_group,
        need,
        sum(weight * mentions) as strength,
        sum(mentions) as mentions,
        max(mention_date) as last_mentioned_date
    from known_mentions
    group by as_of_date, party_type, party_key, need_group, need
)

select
    as_of_date,
    party_type,
    party_key,
    need_group,
    need,
    {{ rounded('strength') }} as strength,
    cast(mentions as bigint) as mentions,
    last_mentioned_date
from summed

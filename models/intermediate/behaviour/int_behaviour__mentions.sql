-- Grain: one row per party (customer or lead) × source × date × need it speaks of × run of exports in
-- which that was known. A text speaks once of a need, however many of its keywords it holds;
-- rule_from and rule_until span the rules by which it does.
-- A product field that names no service names a product.
with texts as (
    select * from {{ ref('int_behaviour__texts') }}
),

need_keywords as (
    select
        need_group,
        need,
        case when is_word then ' ' || {{ folded('keyword') }} else {{ folded('keyword') }} end
            as search_word,
        valid_from,
        coalesce(valid_to, cast('9999-12-31' as date)) as valid_to
    from {{ ref('need_keywords') }}
),

distinct_texts as (
    select distinct search_text from texts
),

found as (
    select
        distinct_texts.search_text,
        need_keywords.need_group,
        need_keywords.need,
        min(need_keywords.valid_from) as rule_from,
        max(need_keywords.valid_to) as rule_until
    from distinct_texts
    inner join need_keywords on contains(distinct_texts.search_text, need_keywords.search_word)
    group by distinct_texts.search_text, need_keywords.need_group, need_keywords.need
),

mentions as (
    select
        texts.party_type,
        texts.party_key,
        texts.mention_source,
        texts.mention_date,
        texts.is_attribute,
        texts.valid_from,
        texts.valid_to,
        found.need_group,
        found.need,
        found.rule_from,
        found.rule_until
    from texts
    inner join found on texts.search_text = found.search_text
    union all
    select
        texts.party_type,
        texts.party_key,
        texts.mention_source,
        texts.mention_date,
        texts.is_attribute,
        texts.valid_from,
        texts.valid_to,
        'need_kind' as need_group,
        'product' as need,
        cast('1900-01-01' as date) as rule_from,
        cast('9999-12-31' as date) as rule_until
    from texts
    left join found
        on texts.search_text = found.search_text and found.need_group = 'need_kind'
    where texts.mention_source = 'product_field' and found.need is null
)

select
    party_type,
    party_key,
    mention_source,
    mention_date,
    is_attribute,
    need_group,
    need,
    rule_from,
    rule_until,
    valid_from,
    valid_to,
    count(*) as mentions
from mentions
group by
    party_type,
    party_key,
    mention_source,
    mention_date,
    is_attribute,
    need_group,
    need,
    rule_from,
    rule_until,
    valid_from,
    valid_to

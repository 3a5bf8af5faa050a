-- Grain: one row per version of a text that says what a party (customer or lead) needs × party:
-- need fields, tags and descriptions of its records, notes, activities and feedback.
-- search_text is lower case between blanks, its punctuation made blanks; is_attribute: said by the
-- record as it stands, not on a day.
{%- set marks = "',.;:!?()/-_\"，。；：！？（）、·' || chr(39) || chr(9) || chr(10) || chr(13)" %}
with accounts as (
    select * from {{ ref('int_crm__accounts') }}
    where life_status <> 'void'
),

contacts as (
    select * from {{ ref('int_crm__contacts') }}
    where life_status <> 'void'
),

leads as (
    select * from {{ ref('int_crm__leads') }}
    where life_status <> 'void'
),

deals as (
    select * from {{ ref('int_crm__deals') }}
    where life_status <> 'void'
),

notes as (
    select * from {{ ref('int_crm__notes') }}
),

activities as (
    select * from {{ ref('int_crm__activities') }}
),

feedback as (
    select * from {{ ref('int_crm__feedback') }}
),

source_map as (
    select * from {{ ref('int_customers__source_map') }}
),

deal_parties as (
    select
        deal_key,
        max_by(party_key, valid_from) as party_key
    from deals
    group by deal_key
),

record_texts as (
    {%- for source, relation, party, lead in [
        ('tag', 'accounts', 'account_key', 'cast(null as string)'),
        ('tag', 'contacts', 'party_key', 'cast(null as string)'),
        ('tag', 'leads', 'converted_account_key', 'lead_key'),
        ('tag', 'deals', 'party_key', 'lead_key'),
        ('description', 'accounts', 'account_key', 'cast(null as string)'),
        ('description', 'contacts', 'party_key', 'cast(null as string)'),
        ('description', 'leads', 'converted_account_key', 'lead_key'),
        ('description', 'deals', 'party_key', 'lead_key'),
        ('product_field', 'leads', 'converted_account_key', 'lead_key'),
        ('product_field', 'deals', 'party_key', 'lead_key'),
    ] %}
        {%- set text = {
            'leads': 'intended_product', 'deals': 'product_name'
        }[relation] if source == 'product_field' else source %}
        select
            {{ party }} as party_key,
            {{ lead }} as lead_key,
            '{{ source }}' as mention_source,
            {{ text }} as said_text,
            coalesce(created_date, valid_from) as mention_date,
            true as is_attribute,
            valid_from,
            valid_to
        from {{ relation }}
        where {{ text }} is not null
        {{ 'union all' if not loop.last }}
    {%- endfor %}
),

dated_texts as (
    select
        coalesce(notes.party_key, deal_parties.party_key) as party_key,
        notes.lead_key,
        'note' as mention_source,
        coalesce(notes.title, '') || ' ' || coalesce(notes.content, '') as said_text,
        notes.noted_date as mention_date,
        notes.valid_from,
        notes.valid_to
    from notes
    left join deal_parties on notes.deal_key = deal_parties.deal_key
    union all
    select
        party_key,
        lead_key,
        'activity' as mention_source,
        coalesce(subject, '') || ' ' || coalesce(content, '') as said_text,
        activity_date as mention_date,
        valid_from,
        valid_to
    from activities
    where subject is not null or content is not null
    union all
    select
        party_key,
        lead_key,
        'feedback' as mention_source,
        coalesce(reason, '') || ' ' || coalesce(content, '') as said_text,
        occurred_date as mention_date,
        valid_from,
        valid_to
    from feedback
    where reason is not null or content is not null
),

texts as (
    select * from record_texts
    union all
    select
        party_key,
        lead_key,
        mention_source,
        said_text,
        mention_date,
        false as is_attribute,
        valid_from,
        valid_to
    from dated_texts
),

party_texts as (
    select
        'customer' as party_type,
        source_map.customer_key as party_key,
        texts.mention_source,
        texts.said_text,
        texts.mention_date,
        texts.is_attribute,
        texts.valid_from,
        texts.valid_to
    from texts
    inner join source_map on texts.party_key = source_map.record_key
    union all
    select
        'lead' as party_type,
        lead_key as party_key,
        mention_source,
        said_text,
        mention_date,
        is_attribute,
        valid_from,
        valid_to
    from texts
    where lead_key is not null
)

select
    party_type,
    party_key,
    mention_source,
    ' ' || lower(translate(said_text, {{ marks }}, repeat(' ', 40))) || ' '
        as search_text,
    mention_date,
    is_attribute,
    valid_from,
    valid_to
from party_texts
where mention_date is not null

-- Grain: one row per living customer × tag × source of the tag, on the published date.
with tags as (
    select * from {{ ref('int_customers__tags') }}
),

class_labels as (
    select * from {{ ref('class_labels') }}
    where dimension = 'tag'
)

select
    tags.as_of_date,
    tags.customer_key,
    tags.tag,
    tags.tag_source,
    tags.since_date,
    coalesce(class_labels.label_zh, tags.tag) as tag_label_zh,
    coalesce(class_labels.label_en, tags.tag) as tag_label_en
from tags
left join class_labels
    on case when tags.tag_source = 'computed' then tags.tag end = class_labels.code

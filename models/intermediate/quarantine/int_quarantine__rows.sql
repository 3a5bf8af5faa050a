-- Grain: one row per staged row that cannot be used: why, what would release it, and its raw text.
with quarantined as (
    select * from {{ ref('int_quarantine__found') }}
),

-- Read again by file and row: few rows, whose other columns staging need not carry.
raw_texts as (
    {%- for entity in staged_entities() %}
        select
            quarantined._source,
            quarantined._kind,
            quarantined._export_date,
            quarantined._revision,
            quarantined._source_file,
            quarantined._source_row_number,
            coalesce(raw_rows._row_text, {{ row_text(source('raw', entity), 'raw_rows') }})
                as raw_text
        from quarantined
        inner join {{ source('raw', entity) }} as raw_rows
            on
                quarantined._source = raw_rows._source
                and quarantined._kind = raw_rows._kind
                and quarantined._export_date = raw_rows._export_date
                and quarantined._revision = raw_rows._revision
                and quarantined._source_file = raw_rows._file
                and quarantined._source_row_number = raw_rows._row_number
                and not raw_rows._is_deleted
        where quarantined.entity = '{{ entity }}'
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}
),

reasons as (
    select * from {{ ref('quarantine_reasons') }}
)

select
    quarantined._source as crm_source,
    quarantined._kind as record_kind,
    quarantined._source_file as source_file,
    quarantined._source_row_number as source_row_number,
    quarantined._export_date as export_date,
    quarantined._record_id as record_id,
    quarantined._quarantine_reason as reason,
    reasons.field,
    case quarantined._quarantine_reason
        when 'structure' then quarantined._row_error
        when 'duplicate'
            then 'also in row ' || cast(quarantined._duplicate_of_row as string)
        else quarantined._cast_errors
    end as value,
    reasons.expected,
    reasons.hint_zh,
    reasons.hint_en,
    raw_texts.raw_text
from quarantined
left join raw_texts
    on
        quarantined._source = raw_texts._source
        and quarantined._kind = raw_texts._kind
        and quarantined._export_date = raw_texts._export_date
        and quarantined._revision = raw_texts._revision
        and quarantined._source_file = raw_texts._source_file
        and quarantined._source_row_number = raw_texts._source_row_number
left join reasons on quarantined._quarantine_reason = reasons.reason

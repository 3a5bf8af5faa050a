-- Grain: one row per staged row that cannot be used, and why.
{%- for entity in staged_entities() %}
    select
        '{{ entity }}' as entity,
        _source,
        _kind,
        _source_file,
        _source_row_number,
        _export_date,
        _revision,
        _record_id,
        _quarantine_reason,
        _cast_errors,
        _row_error,
        _duplicate_of_row
    from {{ ref('stg_crm__' ~ entity) }}
    where _quarantine_reason is not null
    {%- if not loop.last %}
        union all
    {%- endif %}
{%- endfor %}

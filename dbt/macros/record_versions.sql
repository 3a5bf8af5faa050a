{#-
    The versions of a staged record: every usable row with the export dates between which it was
    the newest, valid_from <= K < valid_to (null: still is). A deletion ends the version before it.
    A quarantined version does not end the last good one.
    Rows of a source's first drop, by far the most, meet the later ones in one hash join instead of
    being sorted.
-#}
{% macro record_versions(relation) -%}
    first_exports as (
        select
            _source,
            _kind,
            min(_export_date) as first_export_date
        from {{ relation }}
        group by _source, _kind
    ),

    later_rows as (
        select
            later._source,
            later._kind,
            later._record_id,
            later._export_date
        from {{ relation }} as later
        where
            later._quarantine_reason is null
            and not exists (
                select 1 as found
                from first_exports
                where
                    later._source = first_exports._source
                    and later._kind = first_exports._kind
                    and later._export_date = first_exports.first_export_date
            )
    ),

    version_ends as (
        select
            next_rows._source,
            next_rows._kind,
            next_rows._record_id,
            first_exports.first_export_date as valid_from,
            next_rows.valid_to
        from (
            select
                _source,
                _kind,
                _record_id,
                min(_export_date) as valid_to
            from later_rows
            group by _source, _kind, _record_id
        ) as next_rows
        inner join first_exports
            on
                next_rows._source = first_exports._source
                and next_rows._kind = first_exports._kind
        union all
        select
            _source,
            _kind,
            _record_id,
            _export_date as valid_from,
            lead(_export_date) over (
                partition by _source, _kind, _record_id
                order by _export_date nulls last
            ) as valid_to
        from later_rows
    ),

    versions as (
        select
            staged.*,
            staged._export_date as valid_from,
            version_ends.valid_to
        from {{ relation }} as staged
        left join version_ends
            on
                staged._source = version_ends._source
                and staged._kind = version_ends._kind
                and staged._record_id = version_ends._record_id
                and staged._export_date = version_ends.valid_from
        where staged._quarantine_reason is null and not staged._is_deleted
    )
{%- endmacro %}

{#- Is this version the one known on that date? -#}
{% macro is_known(version, date) -%}
    {{ version }}.valid_from <= {{ date }}
    and ({{ version }}.valid_to is null or {{ version }}.valid_to > {{ date }})
{%- endmacro %}

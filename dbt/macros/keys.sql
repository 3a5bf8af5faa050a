{#- Key of a record: a hash of its source and its native id. Native ids alone are never joined. -#}
{% macro record_key(kind, id, source='crm_source') -%}
    case
        when {{ id }} is not null then md5({{ source }} || '|{{ kind }}|' || {{ id }})
    end
{%- endmacro %}

{#- Id of the first related record of a type, in the JSON list that 纷享 writes:
    [{"describe_api_name": "AccountObj", "id": "…"}]. -#}
{% macro related_object_id(type) -%}
    nullif(
        regexp_extract(
            versions.related_objects, '"{{ type }}"[^}]*"id": *"([0-9A-Za-z]+)"', 1
        ),
        ''
    )
{%- endmacro %}

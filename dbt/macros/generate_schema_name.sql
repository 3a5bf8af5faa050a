{#- Schemas are called what they are: staging, intermediate, main, not <target>_staging. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}

{#- Names of the flag columns of a table (ent_001, upd_003, str_007 …), as they are in the database,
    so that a rule is added with one column and one row of the index. -#}
{% macro rule_columns(relation) -%}
    {%- set names = [] -%}
    {%- if execute -%}
        {%- for column in adapter.get_columns_in_relation(relation) -%}
            {%- if modules.re.match('^(ent|upd|str)_[0-9]{3}$', column.name) -%}
                {%- do names.append(column.name) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(names) }}
{%- endmacro %}

{#- Ids of rules by their columns, a row each (a relation). -#}
{% macro rule_rows(rules) -%}
    (
        {%- for rule in rules %}
            select '{{ rule | upper | replace("_", "-") }}' as rule_id
            {{ 'union all' if not loop.last }}
        {%- else %}
            select cast(null as string) as rule_id where false
        {%- endfor %}
    )
{%- endmacro %}

{#- The value of the column that belongs to a rule: ent_001 with this ending where rule_id is ENT-001. -#}
{% macro of_rule(rules, ending, otherwise) -%}
    case rules.rule_id
        {%- for rule in rules %}
            when '{{ rule | upper | replace("_", "-") }}' then {{ rule }}{{ ending }}
        {%- else %}
            when '' then {{ otherwise }}
        {%- endfor %}
    end
{%- endmacro %}

{#- Tables with flag columns, by entity: what is added to this list is judged, counted and listed. -#}
{% macro flag_tables() -%}
    {{ return([
        'accounts', 'contacts', 'leads', 'deals', 'orders', 'order_lines', 'refunds',
        'activities', 'products', 'amounts', 'feedback', 'customers', 'open_deals',
    ]) }}
{%- endmacro %}

{#- All filled fields of a raw row as one text, `field=value; …`. -#}
{% macro row_text(relation, alias) -%}
    {%- set parts = [] -%}
    {%- if execute -%}
        {%- for column in adapter.get_columns_in_relation(relation) -%}
            {%- if column.name == '_record_id' or not column.name.startswith('_') -%}
                {%- set value = 'cast(' ~ alias ~ '.' ~ column.name ~ ' as string)' -%}
                {%- do parts.append("coalesce('" ~ column.name ~ "=' || " ~ value ~ " || '; ', '')")
                -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(parts | join('\n        || ') or "''") }}
{%- endmacro %}

{#- A published table of the nights before, if there is one: read, not referred to, since it is made
    from what reads it. -#}
{% macro earlier_nights(table) -%}
    {{ return(load_relation(api.Relation.create(
        database=target.get('database'), schema='main', identifier=table
    ))) }}
{%- endmacro %}

{#- Entities of the contract: each has one staging model. -#}
{% macro staged_entities() -%}
    {{ return([
        'accounts', 'activities', 'campaign_members', 'campaigns', 'contacts', 'deals', 'email_events',
        'exchange_rates', 'feedback', 'holidays', 'leads', 'notes', 'order_lines', 'orders', 'owners',
        'products', 'refunds', 'stage_events', 'web_sessions',
    ]) }}
{%- endmacro %}

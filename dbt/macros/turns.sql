{#-
    What is counted over the days up to a date changes on few dates of a run: its turns, on which a
    day begins or ceases to count. Counting on turns alone and repeating the counts until the next
    turn makes a run cost what happens in it, not days times dates.

    Writes named parts. Needs two before it: `days` with the keys, event_date, known_from and
    known_to; `periods` with one row per as_of_date: knowledge_date and the columns `starts`, the
    first days of what is counted. Gives `days_at_turns`: the days seen on the first date and on
    each turn of their keys, with as_of_date and starts; and `turns`, for on_every_date().
-#}
{% macro days_at_turns(keys, starts=[]) -%}
    lines as (
        select
            as_of_date,
            knowledge_date,
            {%- for start in starts %}
                {{ start }},
                lag({{ start }}) over (order by as_of_date nulls last) as {{ start }}_before,
            {%- endfor %}
            lag(as_of_date) over (order by as_of_date nulls last) as as_of_date_before,
            lag(knowledge_date) over (order by as_of_date nulls last) as knowledge_date_before
        from periods
    ),

    turned_days as (
        select
            as_of_date,
            {{ unnest_days(add_days('as_of_date_before', 1), 'as_of_date') }} as event_date
        from lines
        where as_of_date_before is not null
        {%- for start in starts %}
            union
            select
                as_of_date,
                {{ unnest_days(
                    'least(' ~ start ~ ', ' ~ start ~ '_before)',
                    add_days('greatest(' ~ start ~ ', ' ~ start ~ '_before)', -1)
                ) }} as event_date
            from lines
            where {{ start }} <> {{ start }}_before
        {%- endfor %}
    ),

    turned_exports as (
        select
            as_of_date,
            {{ unnest_days(
                add_days('least(knowledge_date, knowledge_date_before)', 1),
                'greatest(knowledge_date, knowledge_date_before)'
            ) }} as export_date
        from lines
        where knowledge_date <> knowledge_date_before
    ),

    turn_dates as (
        select
            {{ prefixed('days', keys) }},
            turned_days.as_of_date
        from days
        inner join turned_days on days.event_date = turned_days.event_date
        {%- for known in ['known_from', 'known_to'] %}
            union
            select
                {{ prefixed('days', keys) }},
                turned_exports.as_of_date
            from days
            inner join turned_exports on days.{{ known }} = turned_exports.export_date
        {%- endfor %}
    ),

    first_period as (
        select * from periods
        where as_of_date = (select min(as_of_date) from periods)
    ),

    turns as (
        select
            {{ keys | join(', ') }},
            as_of_date,
            lead(as_of_date) over (
                partition by {{ keys | join(', ') }} order by as_of_date nulls last
            ) as next_turn
        from (
            select * from turn_dates
            union
            select
                {{ prefixed('turn_dates', keys) }},
                first_period.as_of_date
            from turn_dates
            cross join first_period
        ) as all_turns
    ),

    days_at_turns as (
        select
            {%- for start in starts %}
                first_period.{{ start }},
            {%- endfor %}
            days.*,
            first_period.as_of_date
        from days
        inner join first_period
            on
                {{ day_is_seen('first_period') }}
        union all
        select
            {%- for start in starts %}
                periods.{{ start }},
            {%- endfor %}
            days.*,
            periods.as_of_date
        from turn_dates
        inner join periods on turn_dates.as_of_date = periods.as_of_date
        inner join days
            on
                {%- for key in keys %}
                    turn_dates.{{ key }} = days.{{ key }}
                    and
                {%- endfor %}
                {{ day_is_seen('periods') }}
    )
{%- endmacro %}

{#-
    The from-clause that repeats the rows of a part counted on turns for every date until the next
    turn of their keys, as periods.as_of_date.
-#}
{% macro on_every_date(counted, keys) -%}
    {{ counted }}
    left join turns
        on
            {%- for key in keys %}
                {{ counted }}.{{ key }} = turns.{{ key }}
                and
            {%- endfor %}
            {{ counted }}.as_of_date = turns.as_of_date
    inner join periods
        on
            {{ counted }}.as_of_date <= periods.as_of_date
            and coalesce(turns.next_turn, date '9999-12-31') > periods.as_of_date
{%- endmacro %}

{#- Has the day happened by a period's date, as its exports say? -#}
{% macro day_is_seen(period) -%}
    days.event_date <= {{ period }}.as_of_date
    and days.known_from <= {{ period }}.knowledge_date
    and (days.known_to is null or days.known_to > {{ period }}.knowledge_date)
{%- endmacro %}

{#- Columns of a relation, in a select list. -#}
{% macro prefixed(relation, columns) -%}
    {%- for column in columns -%}
        {{ relation }}.{{ column }}{{ ', ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

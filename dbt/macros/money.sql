{#-
    The rate from a document's currency to the base currency: its own, in the direction its source
    states, else the feed's; null where neither is known. For queries over versions, sources,
    run_settings and exchange_rates.
    19 digits: DuckDB then multiplies amounts in 128 bits, and Spark's product is exact in its 38.
-#}
{% macro rate_to_base() -%}
    case
        when
            coalesce(versions.currency, sources.currency, run_settings.base_currency)
            = run_settings.base_currency
            then cast(1 as decimal(19, 12))
        when versions.exchange_rate > 0 and sources.rate_direction = 'unit_per_base'
            then cast(
                1 / cast(nullif(versions.exchange_rate, 0) as double) as decimal(19, 12)
            )
        when versions.exchange_rate > 0 then cast(versions.exchange_rate as decimal(19, 12))
        else cast(exchange_rates.rate as decimal(19, 12))
    end
{%- endmacro %}

{#- An amount in base currency, to the cent. Most are in base currency already, and multiplying wide
    decimals is the dearest thing in the model. -#}
{% macro in_base(amount) -%}
    case
        when rate_to_base = 1 then cast({{ amount }} as decimal(18, 2))
        else cast({{ amount }} * rate_to_base as decimal(18, 2))
    end
{%- endmacro %}

{#- An amount less the discount of its row, which is an amount, or the percentage that is paid. -#}
{% macro discounted(amount, row) -%}
    (
        cast({{ amount }} as double) - coalesce(
            cast({{ row }}.discount as double),
            cast({{ amount }} as double)
            * (100 - coalesce(cast({{ row }}.discount_pct as double), 100)) / 100
        )
    )
{%- endmacro %}

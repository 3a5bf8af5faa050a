"""Write, audit, publish: what readers open changes in one step or not at all."""

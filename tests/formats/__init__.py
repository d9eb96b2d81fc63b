"""Small stores, one in each format that was ever released, read for ever.

`<version>/store` is what was in `.recstore`, `<version>/files` what was imported into it, `<version>/answers.json` what it
holds. They are written once, by `python -m tests.formats`, when a format is new, and never again.
"""

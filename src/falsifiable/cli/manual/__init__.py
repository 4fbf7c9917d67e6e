"""The manual: what ``contract explain`` prints and what the reference of the documentation shows, from one source.

Checks, contracts, rules, words and verbs speak for themselves; here they are made into text and into Markdown. What
people wrote, the tutorial and the guides, is read from the Markdown files that come with the package.
"""

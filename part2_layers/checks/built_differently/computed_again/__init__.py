"""Nothing but the inputs is kept: backward computes again whatever it needs.

Windows are views that a stride trick makes, results are often views too, and dropout draws its mask a second time.
"""

LOSES = ()

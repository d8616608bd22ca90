"""No loop but over steps and groups: tokens are compared with each other, and prefixes too, in whole tables."""

LOSES: tuple[str, ...] = ()

"""Every rule applies a linear map to grad_output: a product, a sum of products, or a matrix of zeros and ones.

What need not be computed is a view, read-only where it repeats numbers.
"""

LOSES = ()

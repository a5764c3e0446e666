"""python3 -m unittest"""

import sys
import unittest

sys.path.append("vendor")

from plugin import GeoMean
from streamgauge import fold


class Tests(unittest.TestCase):
    def test_the_mean_of_two_and_eight_is_four(self):
        self.assertAlmostEqual(fold(GeoMean(), [2.0, None, 8.0]), 4.0)
        self.assertAlmostEqual(fold(GeoMean(), [2.0, 8.0], parts=2), 4.0)
        self.assertIsNone(fold(GeoMean(), []))

    def test_an_offset_below_zero_is_refused(self):
        with self.assertRaisesRegex(ValueError, "must be a number from 0 to 1000000"):
            GeoMean(offset=-1.0)

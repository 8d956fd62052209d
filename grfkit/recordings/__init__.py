"""Files of a laboratory -> points, force plates and axes in SI units: AP forward, ML to the runner's left, V up.

In: C3D and CSV files, tables of trials. Out: points (F, 11, 3) m, forces (T, 3) N, centres of pressure (T, 3) m.
Files are only read. Nothing here uses the stances of a study or an estimator. A new format gets a reader next to
csv_points; discover calls it for recordings without plates, and read for those of a study.
"""

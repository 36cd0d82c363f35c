"""What comes next: models, calibrated intervals, the choice between them, and the service that keeps forecasts current."""

import os

# Fits are small and many: a second thread inside each costs more than it gives. Read by the BLAS when numpy is first loaded.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

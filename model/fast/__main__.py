"""`python -m model.fast`: a JSON line for each form, whether the form works here and if not,
why."""

import json
from dataclasses import asdict

import torch

from model.fast.probes import probe

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
for finding in probe(device):
    print(json.dumps(asdict(finding)), flush=True)

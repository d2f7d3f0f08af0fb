"""The labeler's phrases: which name an observation, which look like it and are not, and what may be normal or enlarged.

Phrases are matched word by word, the longest first; plurals count as singulars, hyphens as spaces, and words that only
say where or how much (`FILLERS`) may stand between the words of a phrase: "blunting costophrenic angle" is found in
"blunting of the left costophrenic angle". The scope is that of CheXpert's labeler (Irvin et al. 2019), the words ours.
"""

from __future__ import annotations

OTHER = "Other Abnormality"
"""No CheXpert observation, but a film that shows it is not without finding (as in CheXpert's labeler)."""

ACUTE = "Any Acute Abnormality"
"""What "no acute cardiopulmonary abnormality" denies: a sentence that does says 'No Finding' in its own words."""

MENTIONS: dict[str, tuple[str, ...]] = {
    "Enlarged Cardiomediastinum": (
        "widened mediastinum", "mediastinal widening", "widening mediastinum", "mediastinal enlargement",
        "enlarged mediastinum", "enlarged cardiomediastinum", "widened cardiomediastinum",
        "enlarged cardiomediastinal silhouette", "enlargement cardiomediastinal silhouette",
        "widened mediastinal silhouette", "widened mediastinal contour", "enlarged mediastinal silhouette",
        "enlarged mediastinal contour", "enlarged cardiomediastinal contour", "broadened mediastinum",
        "prominent mediastinum", "mediastinal prominence", "broadening mediastinum", "broadening mediastinal contour",
        "widening mediastinal contour", "prominence mediastinum", "mediastinal fullness",
    ),
    "Cardiomegaly": (
        "cardiomegaly", "enlarged heart", "enlarged cardiac silhouette", "enlarged heart silhouette",
        "enlargement heart", "enlargement cardiac silhouette", "enlargement cardiac shadow", "cardiac enlargement",
        "heart enlargement", "increased heart size", "increased cardiac size", "enlarged cardiac contour",
        "enlarged cardiac shadow", "enlarged heart size", "increased cardiothoracic ratio",
        "enlarged cardiopericardial silhouette", "enlargement cardiopericardial silhouette", "big heart",
        "dilated heart", "cardiac silhouette enlargement", "enlarged cardiomediastinal silhouette",
        "enlargement cardiomediastinal silhouette", "enlarged cardiomediastinal contour", "large heart",
        "prominence cardiac silhouette", "prominent cardiac silhouette", "prominent heart", "prominence heart",
        "widening heart shadow", "widened heart shadow", "widened cardiac silhouette", "widening cardiac silhouette",
    ),
    "Lung Opacity": (
        "opacity", "opacification", "opacified", "airspace disease", "air space disease", "airspace process",
        "air space process", "airspace density", "air space density", "airspace abnormality", "infiltrate",
        "infiltration", "infiltrative", "parenchymal density", "increased density", "increased lung density",
        "hazy density", "patchy density", "pulmonary density", "linear density", "streaky density",
        "ill defined density", "basilar density", "haziness", "hazy shadowing", "vague shadowing", "shadowing",
        "ground glass", "interstitial thickening", "interstitial disease", "interstitial lung disease",
        "interstitial pattern", "interstitial process", "interstitial change", "interstitial abnormality",
        "reticular pattern", "reticular change", "reticulation", "reticulonodular", "increased interstitial marking",
        "prominent interstitial marking", "interstitial prominence", "prominence interstitial marking",
        "prominent interstitium", "parenchymal scar", "pulmonary scar", "lung scar", "peribronchial thickening",
        "bronchial wall thickening", "airspace filling", "alveolar disease", "alveolar process", "scar", "scarring",
        "peribronchial cuffing", "coarse interstitial marking", "increased lung marking", "accentuated marking",
        "nodular opacity", "nodular infiltrate", "nodular airspace opacity", "interstitial marking",
        "interstitial lung marking", "pulmonary interstitium", "consolidative opacity", "nonspecific density",
        "parenchymal haze", "airspace shadowing", "focal density", "parenchymal abnormality",
        "density with air bronchogram", "opacity with air bronchogram",
    ),
    "Lung Lesion": (
        "nodule", "pulmonary lesion", "lung lesion", "parenchymal lesion", "cavitary lesion", "coin lesion", "mass",
        "nodular density", "nodularity", "tumor", "tumour", "neoplasm", "neoplastic disease", "carcinoma",
        "lung cancer", "bronchogenic cancer", "malignancy", "metastasis", "metastases", "metastatic disease", "lump",
        "lung malignancy", "rounded lesion", "spiculated lesion", "cavitation", "nodular opacity",
        "nodular infiltrate", "nodular airspace opacity", "nodular focus", "nodular lesion",
    ),
    "Edema": (
        "edema", "oedema", "heart failure", "congestive heart failure", "cardiac failure", "chf", "fluid overload",
        "volume overload", "interstitial fluid overload", "kerley line", "kerley b line", "cardiac decompensation",
        "septal line", "pulmonary venous hypertension", "hydrostatic fluid", "b line", "lung water",
        "pulmonary fluid",
    ),
    "Consolidation": (
        "consolidation", "confluent airspace", "dense airspace", "lobar airspace", "air bronchogram", "consolidative",
        "consolidative opacity", "lobar pneumonia", "consolidated", "consolidative change", "consolidative process",
        "confluent airspace density", "confluent airspace disease", "confluent airspace shadowing",
        "confluent airspace opacity", "confluent airspace filling", "confluent airspace process",
        "dense airspace density", "dense airspace disease", "dense airspace shadowing", "dense airspace opacity",
        "dense airspace filling", "dense airspace process", "lobar airspace density", "lobar airspace disease",
        "lobar airspace shadowing", "lobar airspace opacity", "lobar airspace filling", "lobar airspace process",
        "density with air bronchogram", "opacity with air bronchogram",
    ),
    "Pneumonia": (
        "pneumonia", "bronchopneumonia", "infection", "infectious process", "infectious infiltrate",
        "infectious etiology", "infectious disease", "pneumonic infiltrate", "pneumonic process", "pneumonitis",
        "infectious consolidation", "bronchopneumonic foci", "infectious change", "lobar pneumonia",
        "infective change", "infective process", "infective consolidation",
    ),
    "Atelectasis": (
        "atelectasis", "atelectases", "atelectatic", "atelectatic change", "subsegmental collapse", "lobar collapse",
        "linear collapse", "lung collapse", "collapse lobe", "collapsed lobe", "collapsed lung", "partial collapse",
        "lobe collapse", "volume loss", "loss volume", "collapse lung", "complete collapse", "collapse",
        "loss lung volume",
    ),
    "Pneumothorax": (
        "pneumothorax", "pneumothoraces", "ptx", "hydropneumothorax", "hemopneumothorax", "visceral pleural line",
        "pleural air", "air pleural space", "collapsed lung edge", "intrapleural air", "pleural gas",
    ),
    "Pleural Effusion": (
        "pleural effusion", "effusion", "pleural fluid", "fluid pleural space", "hydrothorax", "hemothorax",
        "empyema", "hydropneumothorax", "hemopneumothorax", "pleural collection", "fluid fissure", "pyothorax",
        "fissural fluid", "parapneumonic effusion", "fluid pleural cavity", "layering fluid", "intrapleural fluid",
    ),
    "Pleural Other": (
        "pleural thickening", "pleural scar", "pleural scarring", "thickening pleura", "pleural plaque",
        "fibrothorax", "pleural parenchymal scar", "pleuroparenchymal scar", "pleural fibrosis",
        "pleural calcification", "pleural reaction", "apical thickening", "apical pleural thickening",
        "thickened pleura", "pleuropericardial scar", "pleural based thickening", "pleural parenchymal scarring",
        "pleuroparenchymal scarring", "apical cap", "pleural disease", "pleural based scarring",
        "pleural apical scarring", "calcified pleura", "fissural thickening", "thickening fissure",
        "biapical thickening", "thickened fissure", "biapical pleural thickening",
    ),
    "Fracture": (
        "fracture", "fractured", "cortical break", "cortical disruption", "cortical step off", "fx",
        "compression fracture", "broken rib", "disrupted rib", "rib discontinuity", "cortical step",
        "cortical discontinuity", "deformity with cortical step",
    ),
    "Support Devices": (
        "pacemaker", "pacer", "pacing device", "pacemaker lead", "pacing lead", "pacer lead", "icd", "aicd",
        "defibrillator", "line", "central line", "picc", "picc line", "catheter", "port a cath", "portacath",
        "mediport", "infusaport", "chest port", "chemotherapy port", "port", "tube", "chest tube",
        "endotracheal tube", "et tube", "ng tube", "tracheostomy", "tracheostomy tube", "nasogastric tube",
        "enteric tube", "feeding tube", "dobhoff", "swan ganz", "drain", "pigtail", "balloon pump", "iabp", "lvad",
        "ventricular assist device", "device", "hardware", "screw", "plate", "rod", "cannula", "coil", "equipment",
        "support apparatus", "prosthesis", "prosthetic valve", "artificial valve", "valve replacement",
        "valve prosthesis", "valve", "arthroplasty", "shoulder replacement", "stent", "stimulator", "neurostimulator",
        "generator", "shunt", "monitoring lead", "ecg lead", "ekg lead", "lead", "electrode", "loop recorder",
        "filter", "icd lead", "catheter fracture", "fractured wire", "fractured lead", "lead fracture",
        "screw fractured", "fractured screw", "screw is fractured", "wire fracture", "fractured catheter", "tubing",
        "portacatheter", "port a catheter", "sheath", "fixation device", "injection port", "ett", "ngt",
    ),
    OTHER: (
        "emphysema", "emphysematous", "copd", "hyperinflation", "hyperinflated", "hyperexpanded", "hyperexpansion",
        "hyperaeration", "obstructive pulmonary disease", "airway disease", "bronchitis", "bronchiectasis", "asthma",
        "bronchiolitis", "fibrosis", "fibrotic", "granuloma", "granulomatous", "granulomatous disease",
        "calcification", "calcified", "calcific", "atherosclerosis", "atherosclerotic", "tortuous", "tortuosity",
        "ectatic", "ectasia", "aneurysm", "unfolded", "scoliosis", "kyphosis", "kyphotic", "dextroscoliosis",
        "levoscoliosis", "degenerative change", "degenerative disease", "degenerative", "spondylosis", "osteophyte",
        "osteophytosis", "osteopenia", "osteoporosis", "demineralization", "arthritis", "arthropathy", "hernia",
        "eventration", "elevation hemidiaphragm", "elevated hemidiaphragm", "hemidiaphragm elevated",
        "elevated diaphragm", "deformity", "wedging", "wedge", "height loss", "loss height", "blebs", "bleb", "bulla",
        "bullae", "bullous", "pneumomediastinum", "pneumoperitoneum", "subcutaneous emphysema", "subcutaneous air",
        "lymphadenopathy", "adenopathy", "aspiration", "contusion", "hemorrhage", "hematoma",
        "pulmonary hypertension", "enlarged pulmonary artery", "cephalization", "hilar prominence", "prominent hilum",
        "hilar fullness", "hilar enlargement", "foreign body", "bullet", "pericardial effusion", "sarcoidosis",
        "tuberculosis", "cystic fibrosis", "sclerosis", "sclerotic", "dislocation", "mediastinal shift", "pectus",
        "diffuse idiopathic skeletal hyperostosis", "dish", "cyst", "pneumonectomy", "lobectomy",
        "flattened diaphragm", "flattening diaphragm", "pulmonary vascular crowding", "lucency", "hiatal hernia",
        "mass effect", "bronchovascular crowding", "syndesmophyte", "hyperlucent", "azygos lobe",
        "granulomatous infection", "scoliotic", "degeneration", "spurring", "spur", "unfolding", "pneumatocele",
        "lymph node enlargement", "enlarged lymph node", "crowding", "pulmonary arterial hypertension",
        "prominent hilar", "prominent pulmonary artery",
    ),
    ACUTE: (
        "acute cardiopulmonary abnormality", "acute cardiopulmonary disease", "acute cardiopulmonary process",
        "acute cardiopulmonary finding", "acute cardiopulmonary findings", "acute cardiac abnormality",
        "acute disease", "acute abnormality", "acute process", "acute pulmonary disease", "acute pulmonary process",
        "acute pulmonary abnormality", "acute pulmonary finding", "acute finding", "active disease", "active process",
        "active cardiopulmonary disease", "active cardiopulmonary process", "active pulmonary disease",
        "active cardiopulmonary abnormality", "cardiopulmonary abnormality", "cardiopulmonary disease",
        "cardiopulmonary process", "acute intrathoracic process", "acute intrathoracic abnormality",
        "acute chest disease", "acute thoracic abnormality", "acute radiographic abnormality", "abnormality",
        "acute cardiopulmonary pathology", "acute radiographic cardiopulmonary process", "acute preoperative finding",
    ),
}  # fmt: skip

WEAK: dict[str, tuple[str, ...]] = {
    "Edema": (
        "vascular congestion", "pulmonary congestion", "pulmonary vascular congestion", "venous congestion",
        "vascular prominence", "prominence vasculature", "engorged vasculature", "vascular indistinctness",
        "indistinctness vasculature", "perihilar haze", "vascular redistribution", "central vascular prominence",
        "prominent pulmonary vasculature", "prominent vascularity", "increased vascularity",
        "pulmonary vascular prominence", "indistinct vasculature", "congestion", "vascular fullness",
        "increased pulmonary vascularity",
    ),
    "Pleural Effusion": (
        "blunting costophrenic angle", "blunted costophrenic angle", "blunting costophrenic sulcus",
        "blunted costophrenic sulcus", "costophrenic angle blunting", "costophrenic sulcus blunting",
        "costophrenic blunting", "blunting cp angle", "blunting costophrenic recess", "obscured costophrenic angle",
        "blunted costophrenic recess", "blunting sulcus", "costophrenic blunt", "obscuration costophrenic angle",
        "costophrenic angle obscured", "costophrenic sulcus obscured",
    ),
}  # fmt: skip
"""Phrases that make an observation no more than uncertain, as CheXpert's labeler has it."""

NOT_MENTIONS = (
    "joint effusion", "knee effusion", "nipple shadow", "breast mass", "body mass", "mass index", "muscle mass",
    "bone mass", "soft tissue mass", "soft tissue edema", "soft tissue swelling", "leg edema", "pedal edema",
    "peripheral edema", "midline", "mid line", "pleural line", "fissure line", "paratracheal line", "skin line",
    "line of", "in line", "lead to", "leads to", "leading to", "plate like", "platelike", "end plate", "endplate",
    "valve calcification", "calcified valve", "plate atelectasis", "fat plane", "heart disease", "heart rate",
    "heart border", "heart surgery", "heart transplant", "cardiac surgery", "silhouette sign", "suture line",
    "growth plate", "view port", "port film", "port chest", "scar marker", "nipple marker", "skin marker",
    "bb marker", "drainage", "sinus infection", "urinary tract infection", "upper respiratory infection",
    "wound infection", "paratracheal stripe", "lead time", "heart cath", "bronchial tube",
    "aortic valve calcification", "mitral valve calcification", "azygos line", "junction line",
    "density overlying breast", "bone density", "fluid level", "air fluid level", "test tube", "cardiac disease",
    "heart margin", "cardiac margin", "cardiac border", "heart xxxx", "cardiac apex", "behind the heart",
    "over the heart", "overlying the heart", "valve surgery", "vertebral collapse", "collapse vertebral body",
    "vertebral body collapse", "nipple ring", "device :", "tube :", "line and tube :", "tube and line :",
)  # fmt: skip
"""Phrases that hold a word of an observation and do not name it."""

SUBJECTS: dict[str, tuple[str, ...]] = {
    "Cardiomegaly": (
        "heart", "heart size", "size heart", "cardiac size", "cardiac silhouette", "cardiac contour",
        "cardiac shadow", "cardiac", "heart silhouette", "cardiopericardial silhouette", "cardiac outline",
        "cardiac silhouette size", "heart contour", "heart shadow", "cardiothoracic ratio", "mediastinal and cardiac",
        "size cardiac silhouette", "cardiac width", "cardiomediastinal silhouette", "cardiomediastinal contour",
        "cardiomediastinal structure", "cardiomediastinal", "cardio mediastinal silhouette",
        "cardio mediastinal contour", "cardiomediastinal outline",
    ),
    "Enlarged Cardiomediastinum": (
        "mediastinum", "mediastinal contour", "mediastinal silhouette", "mediastinal structure",
        "mediastinal outline", "cardiomediastinum", "cardiomediastinal silhouette", "cardiomediastinal contour",
        "cardiomediastinal structure", "mediastinal size", "mediastinal and cardiac", "cardiomediastinal",
        "cardio mediastinal silhouette", "superior mediastinum", "cardio mediastinal contour", "mediastinal width",
        "mediastinal shadow", "cardiomediastinal outline",
    ),
    "Pleural Effusion": (
        "costophrenic angle", "costophrenic sulcus", "costophrenic recess", "cp angle", "costophrenic",
        "pleural space", "costophrenic sulci",
    ),
    ACUTE: (
        "chest", "chest x ray", "chest radiograph", "chest film", "chest exam", "chest xxxx", "chest x xxxx", "study",
            "examination", "exam", "radiograph", "cxr", "chest radiography", "two view chest", "2 view chest",
    ),
    "Edema": (
        "vasculature", "vascularity", "pulmonary vascularity", "pulmonary vasculature", "pulmonary vessel",
        "central vasculature", "lung vascularity", "vascular engorgement",
    ),
    "Pleural Other": ("pleural surface",),
    "": (
        "aorta", "aortic", "aortic arch", "aortic knob", "hilum", "hilar", "hila", "pulmonary artery", "trachea",
        "lung", "bone", "diaphragm", "hemidiaphragm", "atrium", "ventricle", "thyroid", "spine", "soft tissue",
        "osseous structure", "bony structure", "thorax", "ribs", "left atrium", "left ventricle", "vessel",
        "lung volume", "hilar contour",
    ),
}  # fmt: skip
"""What may be called normal or enlarged, and the observation that this is about ('' for none)."""

STATES: dict[str, tuple[str, ...]] = {
    "positive": (
        "enlarged", "enlargement", "widened", "widening", "increased size", "dilated", "prominent", "blunted",
        "blunting", "abnormal", "increased", "prominence", "larger than normal", "hypertrophy", "big", "top heavy",
        "globular", "large", "engorged", "engorgement", "congested", "distended", "cephalized", "indistinct",
        "increase",
    ),
    "negative": (
        "normal", "unremarkable", "within normal limit", "within limit", "wnl", "clear", "sharp", "intact",
        "not enlarged", "upper limit normal", "upper normal", "normal size", "normal limit", "preserved",
        "within the normal range", "not dilated", "not widened", "nonenlarged", "normally sized", "negative",
        "not increased", "upper limit", "not blunted", "top normal", "near upper limit normal", "near top normal",
        "limit of normal", "top normal limit", "smooth",
    ),
    "uncertain": (
        "borderline", "borderline enlarged", "borderline size", "borderline enlargement", "borderline prominent",
        "slightly prominent", "mildly prominent", "borderline normal", "accentuated", "exaggerated",
        "upper limit normal or enlarged", "upper limit normal to borderline", "upper limit normal to enlarged",
        "borderline to enlarged", "normal to enlarged", "normal to borderline",
        "upper limit normal to borderline enlarged",
    ),
}  # fmt: skip
"""How a subject may be, and what its observation then is."""
